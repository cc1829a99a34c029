#include "harness/report/holders.hpp"

#include <algorithm>
#include <set>

namespace harness {

namespace {

// A lock that is no member of anything exists once: "rtnl_mutex".
bool exists_once(const LockClass& lock) {
  return lock.name.find_first_of("&(>#/") == std::string::npos;
}

// Both say what they can: the class is the same, and the instance as far as it is shown.
bool may_be_same(const Lock& a, const Lock& b) {
  return a.lock_class.name == b.lock_class.name &&
         (a.address.empty() || b.address.empty() || a.address == b.address);
}

bool surely_same(const Lock& a, const Lock& b) {
  return may_be_same(a, b) &&
         ((!a.address.empty() && !b.address.empty()) || exists_once(a.lock_class));
}

class Search {
 public:
  Search(HungTask& hung, const ShownTasks& tasks) : hung_(hung), tasks_(tasks) {
    hung_pids_.insert(hung.task.pid);
    for (const TaskId& task : hung.others)
      hung_pids_.insert(task.pid);
  }

  void run() {
    if (hung_.blocker && hung_.blocker->owner)
      add(*hung_.blocker->owner, Evidence::named, true);
    if (!hung_.waits_for)
      return;
    for (const HeldLocks& held : tasks_.held())
      look_at(held);
    weigh_unsure();
    if (hung_.holders.empty())
      add_hidden();
    std::stable_sort(
        hung_.holders.begin(), hung_.holders.end(),
        [](const LockHolder& a, const LockHolder& b) { return a.evidence < b.evidence; });
  }

 private:
  void add(const TaskId& task, Evidence evidence, bool same_instance) {
    if (!added_.insert(task.pid).second)
      return;
    LockHolder holder;
    holder.task = task;
    holder.evidence = evidence;
    holder.same_instance = same_instance;
    holder.hung = hung_pids_.count(task.pid) != 0;
    if (const auto* locks = tasks_.locks_of(task))
      holder.entered = *locks;
    if (const TaskStack* stack = tasks_.stack_of(task))
      holder.stack = *stack;
    holder.deadlock = waits_for_hung(holder);
    hung_.holders.push_back(std::move(holder));
  }

  // The last lock of a holder that waits is one of those the hung task has.
  bool waits_for_hung(const LockHolder& holder) const {
    if (!hung_.waits_for || holder.task.pid == hung_.task.pid || holder.entered.empty() ||
        lock_wait(holder.stack).empty())
      return false;
    const Lock& wanted = holder.entered.back();
    return std::any_of(hung_.entered.begin(), hung_.entered.end() - 1,
                       [&](const Lock& lock) { return surely_same(lock, wanted); });
  }

  void look_at(const HeldLocks& held) {
    const Lock& wanted = *hung_.waits_for;
    bool itself = held.task == hung_.task;
    auto end = held.locks.end() - (itself && !held.locks.empty() ? 1 : 0);
    auto found = std::find_if(held.locks.begin(), end,
                              [&](const Lock& lock) { return may_be_same(lock, wanted); });
    if (found == end)
      return;
    bool same = surely_same(*found, wanted);
    if (itself && !same)
      return;
    const TaskStack* stack = tasks_.stack_of(held.task);
    if (found + 1 != held.locks.end())
      add(held.task, Evidence::took_more, same);
    else if (stack && !lock_wait(*stack).empty())
      hung_.waiters.push_back(held.task);
    else if (!stack || stack->frames.empty())
      unsure_.push_back({held.task, same});
    else
      add(held.task, Evidence::not_waiting, same);
  }

  // The tasks with the lock as their last entry and without a stack.
  void weigh_unsure() {
    bool known = !hung_.holders.empty();
    for (const auto& [task, same] : unsure_)
      if (known)
        hung_.waiters.push_back(task);
      else
        add(task, unsure_.size() == 1 ? Evidence::only_one : Evidence::one_of, same);
  }

  void add_hidden() {
    for (const HeldLocks& held : tasks_.held())
      if (held.count > held.locks.size() && held.locks.empty() && !(held.task == hung_.task))
        add(held.task, Evidence::hidden, false);
  }

  struct Unsure {
    TaskId task;
    bool same = false;
  };

  HungTask& hung_;
  const ShownTasks& tasks_;
  std::vector<Unsure> unsure_;
  std::set<int> added_;
  std::set<int> hung_pids_;
};

} // namespace

void ShownTasks::sort() {
  for (std::size_t i = 0; i < stacks_.size(); ++i)
    if (stacks_[i].frames.size() + stacks_[i].stale.size() != 0)
      stack_at_.emplace(stacks_[i].task.pid, i);
  for (std::size_t i = 0; i < held_.size(); ++i)
    held_at_.emplace(held_[i].task.pid, i);
}

const TaskStack* ShownTasks::stack_of(const TaskId& task) const {
  auto found = stack_at_.find(task.pid);
  return found == stack_at_.end() ? nullptr : &stacks_[found->second];
}

const std::vector<Lock>* ShownTasks::locks_of(const TaskId& task) const {
  auto found = held_at_.find(task.pid);
  return found == held_at_.end() ? nullptr : &held_[found->second].locks;
}

void conclude(HungTask& hung, const ShownTasks& tasks) {
  hung.stack.task = hung.task;
  if (const TaskStack* stack = tasks.stack_of(hung.task))
    hung.stack = *stack;
  if (const auto* locks = tasks.locks_of(hung.task))
    hung.entered = *locks;
  hung.waits_in = lock_wait(hung.stack);
  if (!hung.waits_in.empty() && !hung.entered.empty())
    hung.waits_for = hung.entered.back();
  Search(hung, tasks).run();
}

std::string_view evidence_name(Evidence evidence) {
  static constexpr std::string_view names[] = {"named",    "took-more", "not-waiting",
                                               "only-one", "one-of",    "hidden"};
  return names[static_cast<std::size_t>(evidence)];
}

} // namespace harness
