// Kernel-virtual memory of a guest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <unordered_map>

#include "harness/inspect/kernel_image.hpp"

namespace harness {

// Memory of a guest that runs or stands still, by the kernel's addresses: those of its image by the
// vmlinux, the direct map by its start, all others by the kernel's page tables
// (Documentation/arch/x86/x86_64/mm.rst; 4 and 5 levels). So image and direct map are there before
// the kernel has set up its page tables. One thread at a time.
class KernelMemory {
 public:
  // Copies guest-physical memory; false where it is not all there (harness::Guest::read_memory).
  using ReadPhysical = std::function<bool(std::uint64_t address, std::span<std::uint8_t> to)>;

  // kernel is borrowed. Nothing is read yet.
  KernelMemory(const KernelImage& kernel, ReadPhysical read);

  // False: not mapped, or not all of it. What read throws comes through.
  bool read(std::uint64_t address, std::span<std::uint8_t> to) const;

  template<class T> std::optional<T> get(std::uint64_t address) const {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    if (!read(address, {reinterpret_cast<std::uint8_t*>(&value), sizeof value}))
      return {};
    return value;
  }

  // Up to a NUL, or limit bytes where there is none before. Nothing where its first byte cannot be
  // read; what follows a page that is not mapped is left out.
  std::optional<std::string> text(std::uint64_t address, std::size_t limit) const;

  // Where an address is in guest-physical memory.
  std::optional<std::uint64_t> physical(std::uint64_t address) const;

  // Page tables are read once for each page: this forgets them, for a guest that ran on.
  void forget() const;

  const KernelImage& kernel() const { return kernel_; }

 private:
  struct Layout {
    bool five_levels = false;
    std::uint64_t direct_map = 0; // its first address
  };

  const Layout& layout() const;
  std::uint64_t find_direct_map(bool five_levels) const;
  std::optional<std::uint64_t> entry(std::uint64_t table, std::uint64_t index) const;
  std::optional<std::uint64_t> root() const;
  std::optional<std::uint64_t> walk(std::uint64_t address) const;
  template<class T> std::optional<T> get_in_image(const char* symbol) const;

  const KernelImage& kernel_;
  ReadPhysical read_;
  mutable std::optional<Layout> layout_;
  mutable std::unordered_map<std::uint64_t, std::uint64_t> pages_; // that were walked to
};

} // namespace harness
