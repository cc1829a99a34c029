// One owner per memory mapping.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "vmm/base/fd.hpp"

namespace base {

// A readable and writable mapping, unmapped at the end. Move-only; empty when default-constructed
// or moved from.
class Mapping {
 public:
  Mapping() = default;
  // Zeroed memory of this process alone, aligned to 2 MiB and in huge pages where the host has them
  // to give; a page costs nothing until it is touched. Throws SysError; object names it there.
  static Mapping anonymous(std::size_t size, const std::string& object);
  // What a descriptor maps from offset 0, shared with it. Throws SysError.
  static Mapping shared(const Fd& fd, std::size_t size, const std::string& object);
  // Likewise, but what is written stays in this process: a page is copied when it is first written.
  // offset: in the file, a multiple of the page size.
  static Mapping copy_on_write(const Fd& fd, std::size_t size, const std::string& object,
                               std::uint64_t offset = 0);
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() { reset(); }

  // Null when empty.
  std::uint8_t* data() const { return static_cast<std::uint8_t*>(address_); }
  std::size_t size() const { return size_; } // bytes
  void reset();

 private:
  Mapping(void* address, std::size_t size) : address_(address), size_(size) {}

  void* address_ = nullptr;
  std::size_t size_ = 0;
};

} // namespace base
