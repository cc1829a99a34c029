#include "harness/backend/memory_file.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <string_view>
#include <unistd.h>

#include <fmt/format.h>

namespace harness {

namespace {

constexpr std::uint64_t vga_begin = 0xa0000;
constexpr std::uint64_t firmware_end = 0x100000;
constexpr std::uint64_t four_gib = std::uint64_t{4} << 30;
constexpr std::uint64_t most_below = 0xe0000000;  // as much as fits there
constexpr std::uint64_t split_below = 0xc0000000; // where it does not

// What /proc/PID/fd shows of it (backends/hostmem-memfd.c of QEMU; memfd_create(2)).
constexpr std::string_view link_of_memory = "/memfd:memory-backend-memfd (deleted)";

} // namespace

std::vector<MemoryRange> pc_memory(std::uint64_t size) {
  const std::uint64_t below = size >= most_below ? split_below : size;
  std::vector<MemoryRange> ranges{{0, 0, std::min(below, vga_begin)}};
  if (below > firmware_end)
    ranges.push_back({firmware_end, firmware_end, below - firmware_end});
  if (size > below)
    ranges.push_back({four_gib, below, size - below});
  return ranges;
}

std::optional<MemoryFile> MemoryFile::of_qemu(pid_t pid, std::vector<MemoryRange> ranges) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  for (fs::directory_iterator entry(fmt::format("/proc/{}/fd", pid), ignored), end;
       !ignored && entry != end; entry.increment(ignored)) {
    std::error_code closed;
    if (fs::read_symlink(entry->path(), closed) != link_of_memory)
      continue;
    base::Fd file(::open(entry->path().c_str(), O_RDONLY | O_CLOEXEC));
    if (file)
      return MemoryFile(std::move(file), std::move(ranges));
  }
  return std::nullopt;
}

bool MemoryFile::read_file(std::uint64_t offset, std::span<std::uint8_t> to) const {
  while (!to.empty()) {
    const ssize_t n =
        ::pread(file_.get(), to.data(), to.size(), static_cast<off_t>(offset)); // 0: its end
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return false;
    offset += static_cast<std::uint64_t>(n);
    to = to.subspan(static_cast<std::size_t>(n));
  }
  return true;
}

bool MemoryFile::read(std::uint64_t address, std::span<std::uint8_t> to) const {
  while (!to.empty()) {
    const auto range = std::find_if(ranges_.begin(), ranges_.end(), [&](const MemoryRange& r) {
      return address >= r.guest && address - r.guest < r.size;
    });
    if (range == ranges_.end())
      return false;
    const std::uint64_t offset = address - range->guest;
    const std::size_t part =
        static_cast<std::size_t>(std::min<std::uint64_t>(to.size(), range->size - offset));
    if (!read_file(range->offset + offset, to.first(part)))
      return false;
    address += part;
    to = to.subspan(part);
  }
  return true;
}

} // namespace harness
