// A guest's memory, read out of the process that runs it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "vmm/base/fd.hpp"

namespace harness {

// Guest-physical [guest, guest + size) at host in the process.
struct MemoryRange {
  std::uint64_t guest = 0;
  std::uint64_t host = 0;
  std::uint64_t size = 0;
};

// Where the pc machine of QEMU has its memory (pc_init1 in hw/i386/pc_piix.c): all below 3.5 GiB,
// else 3 GiB there and the rest from 4 GiB on. host is not filled. Left out are the VGA window at
// 0xa0000 and, from 0xc0000 to 1 MiB, what is ROM until the firmware has copied itself there: asked
// before, QEMU names another place for it.
std::vector<MemoryRange> pc_memory(std::uint64_t size);

// Reads through /proc/PID/mem: a microsecond and the copy. The process may end meanwhile.
class ProcessMemory {
 public:
  // Nothing where this process may not look into that one.
  static std::optional<ProcessMemory> open(pid_t pid, std::vector<MemoryRange> ranges);
  // False where not all of [address, address + to.size()) is in one range after the other, or the
  // process has ended.
  bool read(std::uint64_t address, std::span<std::uint8_t> to) const;

 private:
  ProcessMemory(base::Fd file, std::vector<MemoryRange> ranges)
      : file_(std::move(file)), ranges_(std::move(ranges)) {}
  bool read_host(std::uint64_t address, std::span<std::uint8_t> to) const;

  base::Fd file_;
  std::vector<MemoryRange> ranges_;
};

} // namespace harness
