// A stack in guest memory into the functions on it.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "harness/inspect/frame_registers.hpp"
#include "harness/inspect/orc.hpp"
#include "harness/report/debug_file.hpp"

namespace harness {

// How a frame was found from the one below it.
enum class UnwindStep {
  start,         // it is where the stack was begun from
  orc,           // by the kernel's unwind tables
  cfi,           // by the compiler's call frame information
  frame_pointer, // by the chain of saved RBP
  return_word,   // by the word on top of the stack, just below a function that has no frame
  interrupt,     // by registers that an interrupt saved
  guess,         // by the next word that follows a call: it may be stale
};

struct StackFrame {
  std::uint64_t ip = 0;
  bool exact = false;   // ip is where it is; otherwise where a call returns to
  std::uint64_t sp = 0; // 0: not known
  UnwindStep how = UnwindStep::start;
  bool module = false; // not in the kernel's own code: of a module, if of anything
};

// What kind of place an address is.
enum class CodeKind { none, kernel, module };

// The tables of a module, which has its code at [base, base + size).
struct ModuleOrc {
  std::uint64_t base = 0;
  std::uint64_t size = 0;
  OrcTable table;
};

// What an unwinder knows of a kernel.
struct UnwindTables {
  OrcTable orc; // empty where the kernel has none
  std::vector<ModuleOrc> modules;
  Dwarf_CFI* cfi = nullptr; // borrowed; null where there is none
  std::function<CodeKind(std::uint64_t address)> code;
};

// Of a kernel's file, which must outlive them.
UnwindTables unwind_tables(const DebugFile& file);

// How ORC tables of that release ("6.1.0-rc1") are laid out; the newest for what is no release.
OrcForm orc_form(std::string_view release);

// The frames from start on, innermost first, at most 128; start itself is the first, whatever its
// ip. Ends at user space, at the stack's end, and where nothing says how to go on. Each step goes
// up the stack, but for a few from one stack to another: any memory gives an end.
std::vector<StackFrame> unwind(const UnwindTables& tables, const FrameRegisters& start,
                               const ReadKernel& read);

} // namespace harness
