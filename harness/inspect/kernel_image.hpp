// What a guest's memory is read by: the kernel's own file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "harness/inspect/types.hpp"
#include "harness/report/debug_file.hpp"

namespace harness {

// Symbols, places and structures of a vmlinux, opened once for all guests of that kernel. Guests
// run without KASLR: addresses are the file's. Any thread, but for file().
class KernelImage {
 public:
  // vmlinux may be empty. Where it cannot be used (there is none, or it has no debug information),
  // why() says so, and everything else returns nothing.
  explicit KernelImage(const std::filesystem::path& vmlinux);

  // One line; "" where it can be used.
  const std::string& why() const { return why_; }
  // Null where it cannot be used. One thread at a time: who uses it holds what hold() returns,
  // which a thread may do several times over.
  const DebugFile* file() const { return file_.get(); }
  std::unique_lock<std::recursive_mutex> hold() const { return std::unique_lock(file_use_); }

  // The address of code or data of that name.
  std::optional<std::uint64_t> symbol(std::string_view name) const;
  // Where an address of the kernel's own image is in guest-physical memory.
  std::optional<std::uint64_t> physical(std::uint64_t address) const;

  // As Types has them.
  std::optional<Member> member(std::string_view type, std::string_view path) const;
  std::optional<std::size_t> size_of(std::string_view type) const;
  bool defines_beside(std::string_view known, std::string_view name) const;
  std::optional<std::int64_t> enumerator(std::string_view name) const;

 private:
  std::string why_;
  std::unique_ptr<DebugFile> file_;
  std::unique_ptr<Types> types_;
  std::vector<ElfSegment> segments_;
  mutable std::recursive_mutex file_use_;
  mutable std::mutex mutex_; // guards types_' and symbols_' contents
  mutable std::unordered_map<std::string, std::optional<std::uint64_t>> symbols_; // asked for
};

} // namespace harness
