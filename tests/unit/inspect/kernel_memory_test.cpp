#include <cstdint>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "harness/inspect/kernel_memory.hpp"
#include "tests/unit/inspect/guest_pages.hpp"

using namespace harness;

namespace {

constexpr std::uint64_t present = 3;
constexpr std::uint64_t large = 0x83;
constexpr std::uint64_t vmalloc = 0xffffc90000000000;
constexpr std::uint64_t direct_map = 0xffff888000000000;

struct Kernel {
  Kernel()
      : image(KREPRO_SHAPES_ELF),
        memory(image, [this](std::uint64_t address, auto to) { return pages.read(address, to); }) {
    put_symbol("page_offset_base", direct_map);
    put_symbol("__pgtable_l5_enabled", std::uint32_t(0));
    for (std::uint64_t i = 0; i < 512; ++i)
      pages.put(root() + i * 8, std::uint64_t(0));
  }
  template<class T> void put_symbol(const char* name, T value) {
    pages.put(*image.physical(*image.symbol(name)), value);
  }
  std::uint64_t root() const { return *image.physical(*image.symbol("init_top_pgt")); }
  void entry(std::uint64_t table, unsigned level, std::uint64_t address, std::uint64_t value) {
    pages.put(table + (address >> (12 + 9 * (level - 1)) & 0x1ff) * 8, value);
  }
  // Tables at 0x1000 (level 3), 0x2000, 0x3000 (level 1).
  void map(std::uint64_t address, std::uint64_t place) {
    entry(root(), 4, address, 0x1000 | present);
    entry(0x1000, 3, address, 0x2000 | present);
    entry(0x2000, 2, address, 0x3000 | present);
    entry(0x3000, 1, address, place | present | std::uint64_t(1) << 63);
  }

  GuestPages pages;
  KernelImage image;
  KernelMemory memory;
};

} // namespace

TEST_CASE("the kernel's image and the direct map need no page tables") {
  Kernel kernel;
  const std::uint64_t outer = *kernel.image.symbol("shape_outer");
  kernel.put_symbol("shape_outer", std::uint64_t(0x1122334455667788));
  CHECK(kernel.memory.get<std::uint64_t>(outer) == 0x1122334455667788);
  kernel.pages.put(0x5ff8, std::uint64_t(42));
  CHECK(kernel.memory.get<std::uint64_t>(direct_map + 0x5ff8) == 42);
  CHECK_FALSE(kernel.memory.get<std::uint64_t>(direct_map + 0x5ffc)); // the next page is not there
  CHECK_FALSE(kernel.memory.get<std::uint8_t>(0));
  CHECK_FALSE(kernel.memory.get<std::uint64_t>(~std::uint64_t(0) - 3));
}

TEST_CASE("page tables are walked, small pages and large ones") {
  Kernel kernel;
  kernel.map(vmalloc, 0x10000);
  kernel.map(vmalloc + 0x1000, 0x20000);
  kernel.pages.put(0x10ffc, std::uint32_t(0x11111111));
  kernel.pages.put(0x20000, std::uint32_t(0x22222222));
  CHECK(kernel.memory.get<std::uint64_t>(vmalloc + 0xffc) == 0x2222222211111111);
  CHECK_FALSE(kernel.memory.get<std::uint8_t>(vmalloc + 0x2000));

  kernel.entry(0x2000, 2, vmalloc + 0x200000, 0x400000 | large | 0x1000); // bit 12: PAT
  CHECK(kernel.memory.physical(vmalloc + 0x212345) == 0x412345);
  kernel.entry(0x1000, 3, vmalloc + 0x40000000, 0x80000000 | large);
  CHECK(kernel.memory.physical(vmalloc + 0x52345678) == 0x92345678);
  CHECK_FALSE(kernel.memory.physical(vmalloc + 0x80000000));
}

TEST_CASE("five levels where the kernel says so") {
  Kernel kernel;
  kernel.put_symbol("__pgtable_l5_enabled", std::uint32_t(1));
  kernel.put_symbol("page_offset_base", std::uint64_t(0xff11000000000000));
  const std::uint64_t vmalloc5 = 0xffa0000000000000;
  kernel.entry(kernel.root(), 5, vmalloc5, 0x6000 | present);
  kernel.entry(0x6000, 4, vmalloc5, 0x1000 | present);
  kernel.entry(0x1000, 3, vmalloc5, 0x2000 | present);
  kernel.entry(0x2000, 2, vmalloc5, 0x600000 | large);
  CHECK(kernel.memory.physical(vmalloc5 + 0x123456) == 0x723456);
  CHECK(kernel.memory.physical(0xff11000012345678) == 0x12345678);
}

TEST_CASE("tables that lead nowhere, or in a circle, are nothing") {
  Kernel kernel;
  kernel.entry(kernel.root(), 4, vmalloc, 0xdead000 | present); // memory that is not there
  CHECK_FALSE(kernel.memory.physical(vmalloc));
  kernel.entry(kernel.root(), 4, vmalloc, kernel.root() | present);
  CHECK_FALSE(kernel.memory.physical(vmalloc));
  CHECK_FALSE(kernel.memory.physical(0x0000800000000000)); // not canonical
}

TEST_CASE("what was walked to is known until it is forgotten") {
  Kernel kernel;
  kernel.map(vmalloc, 0x10000);
  CHECK(kernel.memory.physical(vmalloc) == 0x10000);
  kernel.map(vmalloc, 0x20000);
  const unsigned reads = kernel.pages.reads;
  CHECK(kernel.memory.physical(vmalloc + 8) == 0x10008);
  CHECK(kernel.pages.reads == reads);
  kernel.memory.forget();
  CHECK(kernel.memory.physical(vmalloc) == 0x20000);
}

TEST_CASE("text ends at its NUL, its limit, or where memory does") {
  Kernel kernel;
  const std::string text(300, 'x');
  kernel.pages.write(0x5000, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  CHECK(kernel.memory.text(direct_map + 0x5000, 4096) == text);
  CHECK(kernel.memory.text(direct_map + 0x5000, 7) == "xxxxxxx");
  kernel.pages.write(0x5ffe, std::vector<std::uint8_t>{'a', 'b'});
  CHECK(kernel.memory.text(direct_map + 0x5ffe, 100) == "ab");
  CHECK_FALSE(kernel.memory.text(direct_map + 0x6000, 100));
}
