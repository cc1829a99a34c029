// Which functions of a trace are never to blame.
#pragma once

#include <string_view>

namespace harness {

// What a kind of crash has on top of its stack besides the common machinery.
enum class Skip {
  common, // printing, sanitizers, memory access and allocation, locks, lists, timers, entry code
  wait,   // common, and all ways to sleep: a task that hangs is to blame below them
  fault,  // only printing, trap entry, plain memory access and locks: an allocator may be to blame
  timer,  // common, and whatever has to do with timers
  page,   // common, and the page cache: whose page it is says the code above it
  leak,   // common, and constructors of objects that many subsystems share
  usb,    // common, and the entry points of USB transfers
};

// function without compiler suffixes (plain_name).
bool is_machinery(std::string_view function, Skip skip);

// Entry code that a trap leaves behind: to blame only where all else is machinery.
bool is_last_resort(std::string_view function);

// A check that fails on purpose: the trace belongs to no crash.
bool is_fault_injection(std::string_view function);
constexpr std::string_view fault_injection = "should_fail"; // how their names begin

// The timer interrupt that noticed a stall, up to the entry code that took it.
bool is_interrupt_entry(std::string_view function);

// A function that hands over to the code a CPU is really busy with: system call entry, file
// operations, work items, timers, soft interrupts.
bool is_dispatcher(std::string_view function);

// Waits for other CPUs, which may be the ones that stand still.
bool is_cross_call(std::string_view function);

// The thread that counts grace periods.
bool is_rcu_thread(std::string_view function);

} // namespace harness
