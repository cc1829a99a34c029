// Who holds the lock that a hung task waits for.
#pragma once

#include <cstddef>
#include <map>
#include <utility>
#include <vector>

#include "harness/report/hung_task.hpp"

namespace harness {

// All that the lines from a hung task's heading on show of tasks, by pid.
class ShownTasks {
 public:
  void add(TaskStack stack) { stacks_.push_back(std::move(stack)); }
  void add(HeldLocks held) { held_.push_back(std::move(held)); }
  TaskStack* last_stack() { return stacks_.empty() ? nullptr : &stacks_.back(); }
  HeldLocks* last_held() { return held_.empty() ? nullptr : &held_.back(); }
  const std::vector<HeldLocks>& held() const { return held_; }

  // Call once, after the last add.
  void sort();

  // Null where the log does not show it.
  const TaskStack* stack_of(const TaskId& task) const;
  const std::vector<Lock>* locks_of(const TaskId& task) const;

 private:
  std::vector<TaskStack> stacks_;
  std::vector<HeldLocks> held_;
  std::map<int, std::size_t> stack_at_;
  std::map<int, std::size_t> held_at_;
};

// Fills in what is concluded, and the task's own stack and locks, from what is said and shown.
void conclude(HungTask& hung, const ShownTasks& tasks);

} // namespace harness
