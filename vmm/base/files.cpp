#include "vmm/base/files.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>
#include <nettle/sha2.h>

#include "vmm/base/error.hpp"
#include "vmm/base/fd.hpp"

namespace base {

std::string read_file(const fs::path& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd)
    throw SysError(errno, "open", path);
  std::string content;
  struct stat st {};
  if (::fstat(fd.get(), &st) == 0 && st.st_size > 0)
    content.reserve(static_cast<std::size_t>(st.st_size));
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      throw SysError(errno, "read", path);
    if (n == 0)
      return content;
    content.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

namespace {

void write_all(const Fd& fd, std::string_view content, const std::string& name) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd.get(), content.data(), content.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      throw SysError(errno, "write", name);
    content.remove_prefix(static_cast<std::size_t>(n));
  }
}

fs::path home_folder(const char* variable, const char* below_home) {
  if (const char* set = std::getenv(variable); set != nullptr && set[0] == '/')
    return fs::path(set) / "krepro";
  const char* home = std::getenv("HOME");
  return fs::path(home != nullptr && home[0] != '\0' ? home : "/tmp") / below_home / "krepro";
}

} // namespace

void write_file(const fs::path& path, std::string_view content) {
  if (path.has_parent_path())
    fs::create_directories(path.parent_path());
  std::string name = path.string() + ".XXXXXX";
  Fd fd(::mkostemp(name.data(), O_CLOEXEC));
  if (!fd)
    throw SysError(errno, "mkostemp", name);
  try {
    write_all(fd, content, name);
    if (::fchmod(fd.get(), 0644) != 0)
      throw SysError(errno, "fchmod", name);
    if (::fsync(fd.get()) != 0)
      throw SysError(errno, "fsync", name);
    if (::rename(name.c_str(), path.c_str()) != 0)
      throw SysError(errno, "rename", path);
  } catch (...) {
    ::unlink(name.c_str());
    throw;
  }
}

void write_at(const Fd& fd, std::span<const std::uint8_t> bytes, std::uint64_t at,
              const std::string& name) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      throw SysError(n < 0 ? errno : ENOSPC, "write", name);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
    at += static_cast<std::uint64_t>(n);
  }
}

std::string sha256(std::string_view bytes) {
  sha256_ctx context;
  nettle_sha256_init(&context);
  nettle_sha256_update(&context, bytes.size(), reinterpret_cast<const std::uint8_t*>(bytes.data()));
  std::array<std::uint8_t, SHA256_DIGEST_SIZE> digest;
  nettle_sha256_digest(&context, digest.size(), digest.data());
  std::string hex;
  for (const std::uint8_t byte : digest)
    hex += fmt::format("{:02x}", byte);
  return hex;
}

TempDir::TempDir(const fs::path& parent, const std::string& prefix) {
  fs::create_directories(parent);
  std::string name = (parent / (prefix + "XXXXXX")).string();
  if (::mkdtemp(name.data()) == nullptr)
    throw SysError(errno, "mkdtemp", name);
  path_ = name;
}

TempDir::TempDir(TempDir&& other) noexcept : path_(std::move(other.path_)) { other.path_.clear(); }

TempDir::~TempDir() {
  std::error_code ignored;
  if (!path_.empty())
    fs::remove_all(path_, ignored);
}

fs::path TempDir::release() {
  fs::path kept;
  std::swap(kept, path_);
  return kept;
}

fs::path cache_home() { return home_folder("XDG_CACHE_HOME", ".cache"); }
fs::path state_home() { return home_folder("XDG_STATE_HOME", ".local/state"); }

fs::path runtime_home() {
  const char* set = std::getenv("XDG_RUNTIME_DIR");
  std::error_code ignored;
  if (set != nullptr && set[0] == '/' && fs::is_directory(set, ignored))
    return fs::path(set) / "krepro";
  return fmt::format("/tmp/krepro-{}", ::getuid());
}

} // namespace base
