// One address of an ELF file with DWARF into functions, files and lines.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <elfutils/libdw.h>

namespace harness {

struct DwarfFrame {
  std::string function;
  std::string file; // relative to the folder of the compilation where it is below it
  int line = 0;
};

// The innermost inlined function at address first, the function that holds the code last; empty
// where the debug information does not cover the address.
std::vector<DwarfFrame> frames_at(Dwarf* dwarf, std::uint64_t address);

} // namespace harness
