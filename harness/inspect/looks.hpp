// Several looks at where the vCPUs of a guest stand, into what they do.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "harness/inspect/unwind.hpp"
#include "harness/report/symbolize.hpp"

namespace harness {

// A frame with its names: the innermost inlined function first, the one that holds the code last.
struct NamedFrame {
  StackFrame frame;
  std::string place;                  // "function+0x1/0x2 [module]", or "[module?] 0x..."
  std::vector<SourceFrame> functions; // never empty; file may be
};

// One vCPU at one time.
struct CpuLook {
  bool user = false;   // in ring 3
  bool halted = false; // waits for an interrupt
  bool interrupts = true;
  bool started = true;    // false: it waits for the kernel to start it
  std::uint64_t task = 0; // the task_struct of what it runs; 0: not known
  int pid = -1;           // 0: the idle task; -1: not known
  CpuRegisters registers;
  std::string code;              // bytes around registers.rip; may be empty
  std::size_t fault = 0;         // where in code rip is
  std::vector<NamedFrame> stack; // innermost first; empty in user space
};

// All vCPUs at one time, in their order.
using Look = std::vector<CpuLook>;

// Where a task loops.
struct Spin {
  std::uint64_t task = 0;
  std::string function; // the innermost one that it is in, or under, whenever it was looked at
  std::string frame;    // the same without machinery (locks, lists, memory): to blame
  std::string under;    // the function that called frame; may be empty
  SourceFrame source;   // the line of frame in example; file may be empty
  bool interrupts_off = false;        // at every look
  bool printing = false;              // it may only be slow to print
  unsigned seen = 0;                  // looks that found it
  unsigned looks = 0;                 // of so many
  unsigned cpu = 0;                   // where it was last
  CpuLook example;                    // a look that shows it in function itself, where there is one
  std::map<std::string, unsigned> at; // how often it was found in which innermost function
};

// The tasks that were found in the kernel, busy, in most looks, and never left the same function;
// those that were found most often first, those that print last. A task that was seen in user space
// gets on, and one that is found here and there below an entry point does as well.
std::vector<Spin> find_spins(const std::vector<Look>& looks);

// What a vCPU was found at, counted.
struct CpuUse {
  unsigned idle = 0;
  unsigned user = 0;
  unsigned kernel = 0;
  unsigned halted_for_ever = 0; // with interrupts off: nothing but an NMI wakes it
  unsigned not_started = 0;
};
CpuUse use_of(const std::vector<Look>& looks, std::size_t cpu);

// What to blame among functions, innermost first: the first that is no machinery; the first of all
// where all are. sleeps: the ways to wait are machinery, too.
std::size_t guilty_index(const std::vector<std::string>& functions, bool sleeps);

// The functions of a stack, inlined ones too, innermost first, without compiler suffixes.
std::vector<std::string> functions_of(const std::vector<NamedFrame>& stack);

} // namespace harness
