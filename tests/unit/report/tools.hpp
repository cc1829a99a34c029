// What binutils says of an ELF file, for comparison.
#pragma once

#include <cstddef>
#include <filesystem>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "vmm/base/child.hpp"
#include "vmm/base/files.hpp"
#include "vmm/base/text.hpp"

// The line of a file of tests/data/report that has the comment; 0 where there is none.
inline int line_of(const std::string& file, const std::string& marker) {
  int line = 1;
  std::string source = base::read_file(KREPRO_TEST_DATA "/report/" + file);
  for (std::string_view text : base::lines_of(source)) {
    if (text.find("/* " + marker + " */") != std::string_view::npos)
      return line;
    ++line;
  }
  return 0;
}

inline std::string output_of(std::vector<std::string> argv) {
  base::Command command;
  command.argv = std::move(argv);
  return base::check_output(command);
}

struct Function {
  unsigned long address = 0;
  std::size_t size = 0;
};

inline Function function_of(const std::string& elf, const std::string& name) {
  std::istringstream lines(output_of({"nm", "-S", elf}));
  std::string address, size, type, symbol;
  for (std::string line; std::getline(lines, line);)
    if (std::istringstream words(line);
        words >> address >> size >> type >> symbol && symbol == name)
      return {std::stoul(address, nullptr, 16), std::stoul(size, nullptr, 16)};
  return {};
}

// What addr2line says of an address, as "function file:line" lines with the folder removed.
// section: of a relocatable file, where address counts from; empty for a linked one.
inline std::string addr2line(const std::string& elf, unsigned long address,
                             const std::string& section = {}) {
  std::vector<std::string> argv = {"addr2line", "-fi", "-e", elf, fmt::format("{:#x}", address)};
  if (!section.empty())
    argv.insert(argv.end(), {"-j", section});
  std::istringstream lines(output_of(argv));
  std::string all, function, place;
  while (std::getline(lines, function) && std::getline(lines, place)) {
    place = place.substr(0, place.find(" ("));
    all += fmt::format("{} {}\n", function, std::filesystem::path(place).filename().string());
  }
  return all;
}
