#include "harness/inspect/loaded_modules.hpp"

#include <elf.h>

#include <catch2/catch.hpp>

#include "tests/unit/inspect/guest_pages.hpp"

namespace {

constexpr std::uint64_t list = 0xffffffff82000000;
constexpr std::uint64_t module = 0xffffffffa0010000;
constexpr std::uint64_t code = 0xffffffffa0000000;
constexpr std::uint64_t symbols = 0xffffffffa0020000;
constexpr std::uint64_t names = 0xffffffffa0030000;

struct Guest {
  GuestPages memory;
  harness::ReadKernel read = [this](std::uint64_t address, std::span<std::uint8_t> to) {
    return memory.read(address, to);
  };
  harness::ModuleLayout layout{8, 32, 96, {104, 4, 1, 0, 0}, 112, 120, 128, std::nullopt};

  Guest() {
    memory.put(list, module + 8);
    memory.put(module + 8, list);
    text(module + 32, "vhost");
    memory.put(module + 96, code);
    memory.put<std::uint32_t>(module + 104, 0x3000);
    memory.put(module + 112, symbols);
    memory.put<std::uint32_t>(module + 120, 3);
    memory.put(module + 128, names);
    text(names + 1, "iotlb_access_ok");
    text(names + 32, "\x1b]0;translate_desc");
    symbol(0, 32, code + 0x200);
    symbol(1, 1, code + 0x100);
    symbol(2, 1, 0x1234); // not in the code
  }
  void text(std::uint64_t address, const std::string& words) {
    memory.write(address,
                 std::span(reinterpret_cast<const std::uint8_t*>(words.c_str()), words.size() + 1));
  }
  void symbol(std::uint64_t index, std::uint32_t name, std::uint64_t value) {
    Elf64_Sym entry{};
    entry.st_name = name;
    entry.st_value = value;
    memory.put(symbols + index * sizeof entry, entry);
  }
};

} // namespace

TEST_CASE("places in modules have the names that the kernel keeps") {
  Guest guest;
  const auto modules = harness::read_modules(guest.layout, guest.read, list);
  REQUIRE(modules.size() == 1);
  CHECK(modules[0].name == "vhost");
  REQUIRE(modules[0].symbols.size() == 2);
  const auto place = harness::find_in_modules(modules, guest.read, code + 0x141, true);
  REQUIRE(place);
  CHECK(place->function == "iotlb_access_ok");
  CHECK(place->text == "iotlb_access_ok+0x41/0x100 [vhost]");
  CHECK(harness::find_in_modules(modules, guest.read, code + 0x200, false)->text ==
        "iotlb_access_ok+0x100/0x100 [vhost]");
  const auto odd = harness::find_in_modules(modules, guest.read, code + 0x210, true);
  REQUIRE(odd);
  CHECK(odd->text.find('\x1b') == std::string::npos);
  CHECK(!harness::find_in_modules(modules, guest.read, code + 0x50, true));
  CHECK(!harness::find_in_modules(modules, guest.read, code + 0x3000, true));
  CHECK(!harness::find_in_modules({}, guest.read, code, true));
}

TEST_CASE("a module list that lies gives what can be read, and ends") {
  Guest guest;
  SECTION("in a circle without the head") {
    guest.memory.put(module + 8, module + 8);
    CHECK(harness::read_modules(guest.layout, guest.read, list).size() == 1024);
  }
  SECTION("into nothing") {
    guest.memory.put<std::uint64_t>(list, 0x10);
    CHECK(harness::read_modules(guest.layout, guest.read, list).empty());
  }
  SECTION("more symbols than there are") {
    guest.memory.put<std::uint32_t>(module + 120, 0xffffffff);
    const auto modules = harness::read_modules(guest.layout, guest.read, list);
    REQUIRE(modules.size() == 1);
    CHECK(modules[0].symbols.empty());
  }
  SECTION("larger than memory") {
    guest.memory.put<std::uint32_t>(module + 104, 0xffffffff);
    CHECK(harness::read_modules(guest.layout, guest.read, list).empty());
  }
}
