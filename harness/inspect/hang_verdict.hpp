// From what was seen of a guest that hangs to what is wrong with it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/inspect/lock_owner.hpp"
#include "harness/inspect/looks.hpp"
#include "harness/inspect/tasks.hpp"
#include "harness/report/crash.hpp"

namespace harness {

// A task that stands still.
struct StuckTask {
  Task task;
  std::vector<NamedFrame> stack;
  std::optional<LockWait> wait; // a lock it waits for
  std::string lock;             // the lock's name, or symbol, or address; set where wait is
};

// All that was seen. Pointers and indices of one part into another: by task address.
struct HangFacts {
  std::vector<Look> looks;
  double seconds = 0; // from the first look to the last
  std::vector<Task> tasks;
  std::vector<StuckTask> blocked;  // uninterruptible from the first look to the last
  std::vector<StuckTask> owners;   // of their locks, where they are none of these and do not run
  std::vector<StuckTask> sleeping; // user tasks that sleep interruptibly; shown where nothing else
};

enum class HangKind {
  spinning, // a CPU does not leave a function
  deadlock, // tasks wait for each other's locks
  blocked,  // tasks wait for what does not come
  stopped,  // a CPU is halted with interrupts off
  idle,     // nothing runs and nothing is blocked: all wait for something from outside
  user,     // user space is busy, the kernel is not
  progress, // CPUs are found here and there: no hang that a look could show
};

struct HangDiagnosis {
  HangKind kind = HangKind::progress;
  std::string summary; // one line for people
  std::string text;    // all that was seen, in the manner of a kernel's report
  // "hang in F", type HANG, with that text; nothing where the kernel is not to blame: idle, user,
  // progress.
  std::optional<CrashReport> report;
};

// A pure function.
HangDiagnosis judge_hang(const HangFacts& facts);

// Tasks that wait for each other's locks, in the order of waiting; empty where there is no circle.
std::vector<const StuckTask*> find_circle(const std::vector<StuckTask>& blocked);

} // namespace harness
