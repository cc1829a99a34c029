// A guest whose kernel is one of tests/data/inspect, and whose memory is written by hand.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch.hpp>

#include "harness/inspect/kernel_log.hpp"
#include "tests/unit/inspect/guest_pages.hpp"

class FakeKernel {
 public:
  static constexpr std::uint64_t direct_map = 0xffff888000000000;

  explicit FakeKernel(const char* elf) : image(elf) {
    REQUIRE(image.why() == "");
    for (const char* name : {"linux_banner", "printk_time", "console_printk", "ignore_loglevel",
                             "page_offset_base", "prb"})
      copy(name);
  }

  // As the kernel's file has a variable.
  void copy(const char* name) {
    const auto* symbol = image.file()->symbols().data(name);
    if (!symbol)
      return;
    std::string_view bytes = image.file()->code_at(symbol->address).substr(0, symbol->size);
    std::string zeros(symbol->size, '\0');
    if (bytes.size() < symbol->size)
      bytes = zeros; // .bss
    write(*image.physical(symbol->address), bytes);
  }
  template<class T> void set(const char* name, T value) {
    pages.put(*image.physical(*image.symbol(name)), value);
  }
  void write(std::uint64_t address, std::string_view bytes) {
    pages.write(address, {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  }
  // Sets a member of an object at a guest-physical address.
  void put(std::uint64_t object, const char* type, const char* path, std::uint64_t value) {
    const std::optional<harness::Member> member = image.member(type, path);
    REQUIRE(member);
    std::vector<std::uint8_t> bytes(member->size);
    if (!pages.read(object + member->offset, bytes))
      std::fill(bytes.begin(), bytes.end(), 0);
    if (member->bits != 0) {
      const unsigned mask = ((1u << member->bits) - 1) << member->bit_offset;
      bytes[0] = static_cast<std::uint8_t>((bytes[0] & ~mask) | value << member->bit_offset);
    } else {
      for (std::size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = static_cast<std::uint8_t>(value >> (8 * i));
    }
    pages.write(object + member->offset, bytes);
  }

  harness::LogReader reader(harness::LogLevels levels = harness::LogLevels::console) {
    return {image, [this](std::uint64_t address, auto to) { return pages.read(address, to); },
            levels};
  }

  GuestPages pages;
  harness::KernelImage image;
};
