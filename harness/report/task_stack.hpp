// The stack of one task as a console shows it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "harness/report/locks.hpp"

namespace harness {

struct TaskStack {
  TaskId task;
  char state = 0;        // 'D', 'S', 'R', ... of /proc/PID/status; 0: not shown
  std::string workqueue; // of a kworker: "events_unbound ring_drain_work"; empty: not shown
  CodeStack frames;
  CodeStack stale; // words of the stack that may be old; the only ones where unwinding failed
};

// The first line of a stack: "task:name state:D stack:0 pid:32 ..." and, before v5.11,
// "name            D    0    32      1 0x00004000" (sched_show_task in kernel/sched/core.c), or
// "CPU: 1 PID: 32 Comm: name Not tainted" of a task on a CPU (dump_stack_print_info in
// lib/dump_stack.c). frames is empty.
std::optional<TaskStack> read_stack_heading(std::string_view text);

// "name:12"; a name may hold colons and spaces.
std::optional<TaskId> read_task_colon(std::string_view text);

// The function that a sleeping task's stack waits for a lock in ("__mutex_lock"), one that lockdep
// watches; empty where the task does something else. Without frames the stale words are asked.
std::string lock_wait(const TaskStack& stack);

} // namespace harness
