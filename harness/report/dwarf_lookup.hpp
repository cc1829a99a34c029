// One address of an ELF file with DWARF into functions, files and lines.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <elfutils/libdw.h>

#include "harness/report/line_table.hpp"

namespace harness {

struct DwarfFrame {
  std::string function;
  std::string file; // relative to the folder of the compilation where it is below it
  int line = 0;
};

// The innermost inlined function at address first, the function that holds the code last; empty
// where the debug information does not cover the address. lines: of the same file; may be empty:
// then libdw reads them.
std::vector<DwarfFrame> frames_at(Dwarf* dwarf, const LineSections& lines, std::uint64_t address);

// The first of those without its function, which is what takes longest to find.
DwarfFrame line_at(Dwarf* dwarf, const LineSections& lines, std::uint64_t address);

} // namespace harness
