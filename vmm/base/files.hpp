// Files and folders: whole-file reads, writes that are all or nothing, digests, temporary folders.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "vmm/base/fd.hpp"

namespace base {

namespace fs = std::filesystem;

// The whole file as bytes. Throws SysError (open, read).
std::string read_file(const fs::path& path);

// Writes a temporary file next to path, syncs and renames it: a reader sees the old content or the
// new one, also after a crash. Parent folders are made. Throws SysError; leaves nothing behind.
void write_file(const fs::path& path, std::string_view content);

// All bytes, from that place in the file on. Throws SysError; name is the file's there.
void write_at(const Fd& fd, std::span<const std::uint8_t> bytes, std::uint64_t at,
              const std::string& name);

// Lower-case hexadecimal SHA-256.
std::string sha256(std::string_view bytes);

// A folder of its own, mode 0700, removed with all it holds at the end. Move-only.
class TempDir {
 public:
  // Made below parent (made too if missing), name "<prefix>XXXXXX". Throws SysError.
  TempDir(const fs::path& parent, const std::string& prefix);
  TempDir(TempDir&& other) noexcept;
  TempDir& operator=(TempDir&&) = delete;
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir();
  const fs::path& path() const { return path_; }
  // Gives up the folder: it stays. The path stays valid in the return value.
  fs::path release();

 private:
  fs::path path_;
};

// $XDG_CACHE_HOME/krepro, else ~/.cache/krepro. Not made.
fs::path cache_home();
// $XDG_STATE_HOME/krepro, else ~/.local/state/krepro. Not made.
fs::path state_home();
// $XDG_RUNTIME_DIR/krepro where that folder is set and there, else /tmp/krepro-<uid>. Not made.
// Short, since socket paths below it must stay under 108 bytes.
fs::path runtime_home();

} // namespace base
