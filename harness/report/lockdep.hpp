// A report of lockdep as data. Forms: the print_*_bug functions of kernel/locking/lockdep.c, v4.7
// to v7.0.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/report/locks.hpp"

namespace harness {

enum class LockdepKind {
  recursive,          // takes a lock of a class it holds
  circular,           // takes two locks in the other order than before
  irq_inversion,      // an interrupt may take the locks in the other order
  irq_order,          // takes an interrupt-unsafe lock under an interrupt-safe one
  inconsistent_state, // takes with interrupts on what an interrupt takes too
  bad_unlock,
  bad_contention,
  held_lock_freed,
  held_to_user, // returns to user space with a lock
  still_held,   // freezes or exits with a lock
  nested_not_taken,
  wait_context, // takes a lock that may sleep where nothing may
  suspicious_rcu,
  non_static_key,
  chain_collision,
};
// "circular", "irq-inversion", ...: the words of the JSON.
std::string_view kind_name(LockdepKind kind);

// A stack with what the kernel says of it: "IN-HARDIRQ-W", "acquired"; empty: "-> #1" has only one.
struct LockStack {
  std::string label;
  CodeStack frames;
};

// A lock of a chain of dependencies, with the stacks that took it.
struct ChainEntry {
  int number = -1; // N of "-> #N"; -1 where they are not numbered
  LockClass lock;
  std::vector<LockStack> stacks;
};

// A lock that a report names beside the two in question.
struct RelatedLock {
  std::string says; // the line that names it: "but this lock took another, SOFTIRQ-unsafe lock ..."
  LockClass lock;   // no name where the line means the wanted lock
  CodeStack stack;  // where it became what the line says; may be empty
};

// A list under "the dependencies between ..." or "the shortest dependencies between ...".
struct Dependencies {
  std::string says;
  std::vector<ChainEntry> locks; // as printed
};

struct IrqEvent {
  std::string what;         // "hardirqs last enabled"
  std::uint64_t number = 0; // of the task's "irq event stamp"
  CodeStack at;
};

struct LockdepReport {
  LockdepKind kind = LockdepKind::circular;
  std::string headline; // "possible circular locking dependency detected"
  std::string kernel;   // the release, "6.1.90"; empty: not shown
  TaskId task;          // who did it; no name where the log shows none

  std::optional<Lock> wanted;  // tried to take or release, changed the state of, or freed
  std::optional<Lock> holding; // the lock it already holds that makes this wrong
  std::vector<RelatedLock> related;
  std::string usage;   // inconsistent state: "{IN-SOFTIRQ-W} -> {SOFTIRQ-ON-W}"
  std::string context; // wait context: the context's type, "5:5"

  std::vector<ChainEntry> chain;     // as printed, the newest dependency ("#0") last
  std::vector<std::string> chain_of; // "Chain exists of": the names, first to last
  std::vector<Dependencies> dependencies;

  // Rows of what CPU0 and CPU1 do: one of the two cells is empty, always the second where one CPU
  // is enough. What an interrupt does on CPU0 is indented by two spaces.
  std::vector<std::array<std::string, 2>> scenario;

  std::vector<HeldLocks> held; // a task with no lock has an entry too
  std::vector<IrqEvent> irq_events;
  CodeStack backtrace;

  std::string rcu_file; // suspicious RCU usage: the place and the words there
  unsigned rcu_line = 0;
  std::string rcu_message; // "suspicious rcu_dereference_check() usage!"
};

// Reads the first lockdep report of text: lines with or without printk prefixes, symbolized or not
// (CrashReport::text, ExplainedReport::text). Nothing where no line is the headline of one. A
// report that was cut gives what is there. Any bytes are accepted; never throws on content. Reads
// the first 4096 lines and max_line_bytes of each, in linear time; what it returns is no larger
// than those.
std::optional<LockdepReport> read_lockdep(std::string_view text);

// A few lines for a developer: what is wrong, who holds and wants what, the chain oldest first with
// the functions that matter, the scenario. Ends with a newline.
std::string explain(const LockdepReport& report);

} // namespace harness
