// The memory of a guest as it was at one moment, for any number of guests to start from.
#pragma once

#include <cstdint>
#include <vector>

#include "vmm/base/fd.hpp"
#include "vmm/base/mapping.hpp"
#include "vmm/boot/guest_memory.hpp"

namespace vmm {

// Pages that follow each other and are not all zeros.
struct PageRun {
  std::uint64_t first = 0; // page number: offset in the guest's memory, in pages
  std::uint64_t count = 0;
};

constexpr std::uint64_t page_size = 4096;

class MemoryImage {
 public:
  // Copies what the memory holds into a memory file; pages of zeros take no room there. The guest
  // must stand still. Throws base::SysError.
  explicit MemoryImage(const GuestMemory& memory);
  // What a file holds from `offset` on, a multiple of the page size. The runs lie inside the size;
  // outside them it holds zeros. Throws base::SysError.
  MemoryImage(base::Fd fd, std::uint64_t offset, std::uint64_t size, std::vector<PageRun> runs);

  std::uint64_t size() const { return size_; } // bytes
  const std::vector<PageRun>& runs() const { return runs_; }
  std::span<const std::uint8_t> bytes_of(const PageRun& run) const;

  // Memory that holds the same; what is written to it stays its own. Throws base::SysError.
  GuestMemory copy() const;
  // Makes memory that copy() gave hold the same again. The guest must stand still. Pages that it
  // wrote to stay its own, so that the next guest need not wait for them, up to 64 MiB.
  void put_back(const GuestMemory& memory) const;

 private:
  base::Fd fd_;
  std::uint64_t offset_;
  std::uint64_t size_;
  std::vector<PageRun> runs_;
  std::vector<bool> held_; // by page: whether it is in a run
  base::Mapping view_;
};

} // namespace vmm
