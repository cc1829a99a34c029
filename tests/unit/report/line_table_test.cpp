// Line tables that are cut or damaged, and the rows of whole ones. What they say of a program's
// addresses is compared with addr2line in symbolize_test.cpp.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include <catch2/catch.hpp>

#include "harness/report/line_table.hpp"
#include "tests/unit/report/tools.hpp"
#include "vmm/base/files.hpp"

using namespace harness;

namespace {

struct Dump {
  std::string line;
  std::string line_str;
  std::string str;
  LineSections sections() const { return {line, line_str, str}; }
};

Dump dump_of(const std::string& elf) {
  const base::TempDir folder(std::filesystem::temp_directory_path(), "krepro-lines-");
  const auto section = [&](const std::string& name) {
    const std::string file = folder.path() / "section";
    output_of({"objcopy", "-O", "binary", "--only-section=" + name, "--set-section-flags",
               name + "=alloc", elf, file});
    return std::filesystem::exists(file) ? base::read_file(file) : std::string();
  };
  return {section(".debug_line"), section(".debug_line_str"), section(".debug_str")};
}

// In bytes, with its length.
std::size_t size_of_first(std::string_view tables) {
  std::size_t size = 4;
  for (std::size_t i = 0; i < 4; ++i)
    size += std::size_t{static_cast<unsigned char>(tables[i])} << (8 * i);
  return size;
}

// The table of the section that covers address, found by trying every offset as a table's start.
std::optional<std::string> place_of(const LineSections& sections, std::uint64_t address) {
  for (std::size_t offset = 0; offset < sections.line.size(); ++offset)
    if (const auto table = LineTable::read(sections, offset))
      if (const auto row = table->find(address))
        return table->path(row->file, "/top") + ":" + std::to_string(row->line);
  return {};
}

} // namespace

TEST_CASE("the row of a function's first byte") {
  const std::string elf = std::string(KREPRO_INLINES_ELF) + GENERATE("", "-gdwarf-4");
  const Dump dump = dump_of(elf);
  REQUIRE_FALSE(dump.line.empty());
  const auto place = place_of(dump.sections(), function_of(elf, "outer").address);
  REQUIRE(place);
  CHECK(place->find("report/inlines.c:") != std::string::npos);
  CHECK_FALSE(place_of(dump.sections(), 1));
}

TEST_CASE("a line table that is cut or damaged gives something or nothing") {
  const std::string elf = std::string(KREPRO_INLINES_ELF) + GENERATE("", "-gdwarf-4");
  const Dump dump = dump_of(elf);
  const std::uint64_t address = function_of(elf, "outer").address;
  LineSections sections = dump.sections();
  REQUIRE(LineTable::read(sections, 0));
  const std::size_t whole = size_of_first(dump.line);
  REQUIRE(whole <= dump.line.size());
  for (std::size_t size = 0; size < whole; ++size) {
    const std::string cut = dump.line.substr(0, size); // a copy, so that a read past it is seen
    sections.line = cut;
    CHECK_FALSE(LineTable::read(sections, 0));
    if (size > 4) { // cut within its program: the length says so
      std::string shorter = cut;
      const auto length = static_cast<std::uint32_t>(size - 4);
      for (std::size_t i = 0; i < 4; ++i)
        shorter[i] = static_cast<char>(length >> (8 * i));
      sections.line = shorter;
      if (const auto table = LineTable::read(sections, 0))
        table->find(address);
    }
  }
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string damaged = dump.line;
    for (int i = 0; i < 3; ++i)
      damaged[random() % damaged.size()] = static_cast<char>(random());
    sections.line = damaged;
    if (const auto table = LineTable::read(sections, 0))
      if (const auto row = table->find(address))
        table->path(row->file, "/top");
  }
}
