// A guest's memory, read from the file in which QEMU has it (memory-backend-memfd).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "vmm/base/fd.hpp"

namespace harness {

// Guest-physical [guest, guest + size) at offset in the file.
struct MemoryRange {
  std::uint64_t guest = 0;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

// Where the pc machine of QEMU has its memory, which is one file (pc_init1 in hw/i386/pc_piix.c):
// all below 3.5 GiB, else 3 GiB there and the rest from 4 GiB on. Left out are the VGA window at
// 0xa0000 and, from 0xc0000 to 1 MiB, what is ROM until the firmware has copied itself there.
std::vector<MemoryRange> pc_memory(std::uint64_t size);

// Stays readable when the process has ended.
class MemoryFile {
 public:
  MemoryFile(base::Fd file, std::vector<MemoryRange> ranges)
      : file_(std::move(file)), ranges_(std::move(ranges)) {}

  // The guest memory of a QEMU. Nothing where this process may not look into that one, or it has
  // no such file.
  static std::optional<MemoryFile> of_qemu(pid_t pid, std::vector<MemoryRange> ranges);
  // False where not all of [address, address + to.size()) is in one range after the other, or in
  // the file.
  bool read(std::uint64_t address, std::span<std::uint8_t> to) const;

 private:
  bool read_file(std::uint64_t offset, std::span<std::uint8_t> to) const;

  base::Fd file_;
  std::vector<MemoryRange> ranges_;
};

} // namespace harness
