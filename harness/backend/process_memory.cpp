#include "harness/backend/process_memory.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

namespace harness {

namespace {

constexpr std::uint64_t vga_begin = 0xa0000;
constexpr std::uint64_t firmware_end = 0x100000;
constexpr std::uint64_t four_gib = std::uint64_t{4} << 30;
constexpr std::uint64_t most_below = 0xe0000000;  // as much as fits there
constexpr std::uint64_t split_below = 0xc0000000; // where it does not

} // namespace

std::vector<MemoryRange> pc_memory(std::uint64_t size) {
  const std::uint64_t below = size >= most_below ? split_below : size;
  std::vector<MemoryRange> ranges{{0, 0, std::min(below, vga_begin)}};
  if (below > firmware_end)
    ranges.push_back({firmware_end, 0, below - firmware_end});
  if (size > below)
    ranges.push_back({four_gib, 0, size - below});
  return ranges;
}

std::optional<ProcessMemory> ProcessMemory::open(pid_t pid, std::vector<MemoryRange> ranges) {
  base::Fd file(::open(fmt::format("/proc/{}/mem", pid).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file)
    return std::nullopt;
  return ProcessMemory(std::move(file), std::move(ranges));
}

bool ProcessMemory::read_host(std::uint64_t address, std::span<std::uint8_t> to) const {
  while (!to.empty()) {
    const ssize_t n =
        ::pread(file_.get(), to.data(), to.size(), static_cast<off_t>(address)); // 0: it has ended
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return false;
    address += static_cast<std::uint64_t>(n);
    to = to.subspan(static_cast<std::size_t>(n));
  }
  return true;
}

bool ProcessMemory::read(std::uint64_t address, std::span<std::uint8_t> to) const {
  while (!to.empty()) {
    const auto range = std::find_if(ranges_.begin(), ranges_.end(), [&](const MemoryRange& r) {
      return address >= r.guest && address - r.guest < r.size;
    });
    if (range == ranges_.end())
      return false;
    const std::uint64_t offset = address - range->guest;
    const std::size_t part =
        static_cast<std::size_t>(std::min<std::uint64_t>(to.size(), range->size - offset));
    if (!read_host(range->host + offset, to.first(part)))
      return false;
    address += part;
    to = to.subspan(part);
  }
  return true;
}

} // namespace harness
