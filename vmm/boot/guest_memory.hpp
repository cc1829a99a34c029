// The memory of a guest: guest-physical addresses, bounds-checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "vmm/base/mapping.hpp"

namespace vmm {

// Memory above this address starts at 4 GiB: what lies between belongs to interrupt controllers.
constexpr std::uint64_t memory_hole = 3ULL << 30;
constexpr std::uint64_t memory_above_hole = 4ULL << 30;

class GuestMemory {
 public:
  // A piece that is contiguous for the guest and for the host.
  struct Region {
    std::uint64_t address; // guest-physical
    std::span<std::uint8_t> host;
  };

  // size: bytes, rounded up to a page; zeroed. Throws base::SysError.
  explicit GuestMemory(std::uint64_t size);
  // What the mapping holds; a whole number of pages.
  explicit GuestMemory(base::Mapping mapping) : mapping_(std::move(mapping)) {}

  std::uint64_t size() const { return mapping_.size(); }
  // All of it: low, then high.
  std::span<std::uint8_t> all() const { return {mapping_.data(), mapping_.size()}; }
  // Below 4 GiB, from 0 on; where the kernel, its tables and the initramfs go.
  Region low() const;
  // At 4 GiB; empty where all of it fits below the hole.
  Region high() const;

  // Host memory for [address, address + length). Throws base::Error where that is not memory of the
  // guest, all of it in one region.
  std::span<std::uint8_t> at(std::uint64_t address, std::uint64_t length) const;
  // Likewise; empty where at() throws.
  std::span<std::uint8_t> find(std::uint64_t address, std::uint64_t length) const;
  // Throw as at().
  void write(std::uint64_t address, std::string_view bytes) const;
  template<class T> void put(std::uint64_t address, const T& value) const {
    std::memcpy(at(address, sizeof value).data(), &value, sizeof value);
  }

 private:
  base::Mapping mapping_;
};

} // namespace vmm
