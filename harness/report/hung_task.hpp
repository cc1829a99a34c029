// A report of khungtaskd as data, with the tasks that hold what the hung one waits for. Forms:
// check_hung_task and debug_show_blocker of kernel/hung_task.c, debug_show_all_locks of
// kernel/locking/lockdep.c, v4.7 to v7.0.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/report/locks.hpp"
#include "harness/report/task_stack.hpp"

namespace harness {

// What the kernel says of the lock (CONFIG_DETECT_HUNG_TASK_BLOCKER, v6.16 and later).
struct Blocker {
  std::string kind;            // "mutex", "semaphore", "rw-semaphore"
  std::optional<TaskId> owner; // of a semaphore: who took it last; nothing: "owner is not found"
};

// Why a task is taken for the holder, the surest first. Only named is the kernel's own word, and
// it calls that one likely too.
enum class Evidence {
  named,       // the kernel names it as the owner
  took_more,   // it took other locks after this one, so this one is taken
  not_waiting, // this is the last lock it entered, but its stack waits for none
  only_one,    // no other task in the log entered the lock
  one_of,      // some tasks entered it and nothing tells the holder from those that wait
  hidden,      // it was running, and the kernel does not print the locks of a running task
};
// "named", "took-more", ...: the words of the JSON.
std::string_view evidence_name(Evidence evidence);

struct LockHolder {
  TaskId task;
  Evidence evidence = Evidence::one_of;
  bool same_instance = false; // false: only the class is known to be the same, or nothing
  bool hung = false;          // the log reports it as hung too
  bool deadlock = false;      // it sleeps in a lock function, for a lock that the hung task has
  std::vector<Lock> entered;  // all the locks it entered; empty where the log does not show them
  TaskStack stack;            // no frames where the log does not show it
};

struct HungTask {
  // Said by the kernel.
  TaskId task;
  unsigned seconds = 0; // blocked for more than these
  std::string kernel;   // the release, "6.1.90"; empty: not shown
  TaskStack stack;
  std::optional<Blocker> blocker;
  bool locks_shown = false;   // the log has "Showing all locks held in the system"
  std::vector<Lock> entered;  // its locks in that list, the one it waits for included
  std::vector<TaskId> others; // the other tasks that the log reports as hung before that list

  // Concluded from those.
  std::string waits_in;            // the lock function it sleeps in; empty: it waits for no lock
  std::optional<Lock> waits_for;   // its last entry, when it sleeps in a lock function
  std::vector<LockHolder> holders; // of waits_for, the surest first; itself, when it has it already
  std::vector<TaskId> waiters;     // other tasks that wait, or seem to wait, for the same lock
};

// Reads the first hung task of report (CrashReport::text; printk prefixes and symbolized lines are
// fine). log: the whole console, where it is at hand; the lists after the task's own stack are then
// taken from there, since a report is cut after some hundred lines. Nothing where report has no
// line "INFO: task name:12 blocked for more than 120 seconds". Any bytes are accepted; never throws
// on content. Looks for the report in the whole log, and reads at most 65536 lines around it, in
// linear time.
std::optional<HungTask> read_hung_task(std::string_view report, std::string_view log = {});

// A few lines for a developer: who waits for what and where, who holds it and how that is known.
// Ends with a newline.
std::string explain(const HungTask& hung);

} // namespace harness
