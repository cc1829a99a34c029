#include "harness/report/hung_task.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "harness/report/frames.hpp"
#include "harness/report/lines.hpp"
#include "vmm/base/text.hpp"

namespace harness {

namespace {

constexpr std::size_t max_lines = 65536;
constexpr std::string_view start_words = "INFO: task ";
constexpr std::string_view list_words = "Showing all locks held in the system:";

struct Heading {
  TaskId task;
  unsigned seconds = 0;
};

// "INFO: task name:12 blocked for more than 120 seconds." and its like.
std::optional<Heading> read_heading(std::string_view text) {
  constexpr std::string_view more = " for more than ";
  std::size_t start = text.find(start_words);
  std::size_t seconds = text.find(more);
  if (start == std::string_view::npos || seconds == std::string_view::npos || seconds < start)
    return {};
  std::string_view who =
      text.substr(start + start_words.size(), seconds - start - start_words.size());
  for (std::string_view verb : {" blocked in I/O wait", " blocked", " can't die"})
    if (who.ends_with(verb)) {
      auto task = read_task_colon(who.substr(0, who.size() - verb.size()));
      if (!task)
        return {};
      Heading heading{std::move(*task), 0};
      std::from_chars(text.data() + seconds + more.size(), text.data() + text.size(),
                      heading.seconds);
      return heading;
    }
  return {};
}

// The release before "#7": "Not tainted 6.1.90 #7", "Tainted: G        W          6.6.30 #1".
std::string read_kernel(std::string_view text) {
  std::size_t mark = text.find(" #");
  if (text.find("ainted") == std::string_view::npos || mark == std::string_view::npos)
    return {};
  std::string_view before = base::trim(text.substr(0, mark));
  return std::string(before.substr(before.rfind(' ') + 1));
}

// "INFO: task name:12 is blocked on a mutex likely owned by task other:34." and its like.
std::optional<Blocker> read_blocker(std::string_view text, const TaskId& task) {
  constexpr std::string_view words = " blocked on a";
  std::size_t at = text.find(words);
  if (!text.starts_with(start_words) || at == std::string_view::npos)
    return {};
  std::string_view who = text.substr(start_words.size(), at - start_words.size());
  for (std::string_view suffix : {" is", " <reader>", " <writer>"})
    if (who.ends_with(suffix))
      who.remove_suffix(suffix.size());
  if (read_task_colon(who) != task)
    return {};
  std::string_view rest = text.substr(at + words.size());
  rest = base::trim(rest.substr(std::min(rest.find(' '), rest.size())));
  Blocker blocker;
  blocker.kind = rest.substr(0, rest.find_first_of(" ,"));
  for (std::string_view by : {" likely owned by task ", " likely last held by task "})
    if (std::size_t owner = rest.find(by); owner != std::string_view::npos) {
      std::string_view name = rest.substr(owner + by.size());
      for (std::string_view suffix : {" <reader>", " <writer>", "."})
        if (name.ends_with(suffix))
          name.remove_suffix(suffix.size());
      blocker.owner = read_task_colon(name);
    }
  return blocker;
}

// All that the lines from a hung task's heading on show of tasks, by pid.
class Tasks {
 public:
  void add(TaskStack stack) { stacks_.push_back(std::move(stack)); }
  void add(HeldLocks held) { held_.push_back(std::move(held)); }
  TaskStack* last_stack() { return stacks_.empty() ? nullptr : &stacks_.back(); }
  HeldLocks* last_held() { return held_.empty() ? nullptr : &held_.back(); }
  const std::vector<HeldLocks>& held() const { return held_; }

  // Call once, after the last add.
  void sort() {
    for (std::size_t i = 0; i < stacks_.size(); ++i)
      if (!stacks_[i].frames.empty())
        stack_at_.emplace(stacks_[i].task.pid, i);
    for (std::size_t i = 0; i < held_.size(); ++i)
      held_at_.emplace(held_[i].task.pid, i);
  }

  // Null where the log does not show it.
  const TaskStack* stack_of(const TaskId& task) const {
    auto found = stack_at_.find(task.pid);
    return found == stack_at_.end() ? nullptr : &stacks_[found->second];
  }
  const std::vector<Lock>* locks_of(const TaskId& task) const {
    auto found = held_at_.find(task.pid);
    return found == held_at_.end() ? nullptr : &held_[found->second].locks;
  }

 private:
  std::vector<TaskStack> stacks_;
  std::vector<HeldLocks> held_;
  std::map<int, std::size_t> stack_at_;
  std::map<int, std::size_t> held_at_;
};

class Reader {
 public:
  explicit Reader(const Heading& heading) {
    hung_.task = heading.task;
    hung_.seconds = heading.seconds;
  }

  // False: the next report begins.
  bool read(std::string_view line) {
    std::string_view text = base::trim(line);
    if (auto heading = read_heading(text)) {
      if (hung_.locks_shown)
        return false;
      if (!(heading->task == hung_.task))
        hung_.others.push_back(std::move(heading->task));
      stack_open_ = false;
    } else if (text.starts_with(start_words)) {
      if (auto blocker = read_blocker(text, hung_.task))
        hung_.blocker = std::move(blocker);
      stack_open_ = false;
    } else if (text.starts_with(list_words)) {
      hung_.locks_shown = in_list_ = true;
      stack_open_ = false;
    } else if (in_list_) {
      read_list(text);
    } else {
      read_stack(text);
    }
    return true;
  }

  HungTask take(Tasks& tasks) {
    tasks = std::move(tasks_);
    return std::move(hung_);
  }

 private:
  void read_list(std::string_view text) {
    if (text.starts_with("====="))
      in_list_ = false;
    else if (auto held = read_held_heading(text))
      tasks_.add(std::move(*held));
    else if (HeldLocks* last = tasks_.last_held(); last && text.starts_with('#'))
      if (auto lock = read_lock(text))
        add_lock(last->locks, std::move(*lock));
  }

  void read_stack(std::string_view text) {
    if (hung_.kernel.empty() && !tasks_.last_stack())
      hung_.kernel = read_kernel(text);
    if (auto stack = read_stack_heading(text)) {
      tasks_.add(std::move(*stack));
      stack_open_ = true;
    } else if (stack_open_) {
      add_to_stack(*tasks_.last_stack(), text);
    }
  }

  void add_to_stack(TaskStack& stack, std::string_view text) {
    constexpr std::string_view queue = "Workqueue: ";
    if (text.starts_with(queue))
      stack.workqueue = text.substr(queue.size());
    else if (text.starts_with("</TASK>") || text.starts_with("RIP: 0033"))
      stack_open_ = false;
    else if (auto place = read_place(text))
      stack.frames.push_back(std::move(*place));
    else if (auto ip = parse_ip(text); ip && stack.frames.empty())
      stack.frames.push_back({std::string(ip->function), ip->offset, {}, {}, 0, false});
  }

  HungTask hung_;
  Tasks tasks_;
  bool stack_open_ = false; // frames belong to the last stack
  bool in_list_ = false;    // of the locks
};

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
  Search(HungTask& hung, const Tasks& tasks) : hung_(hung), tasks_(tasks) {
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
    hung_.holders.push_back(std::move(holder));
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
    else if (!stack)
      unsure_.push_back({held.task, same});
    else if (lock_wait(stack->frames).empty())
      add(held.task, Evidence::not_waiting, same);
    else
      hung_.waiters.push_back(held.task);
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
  const Tasks& tasks_;
  std::vector<Unsure> unsure_;
  std::set<int> added_;
  std::set<int> hung_pids_;
};

void conclude(HungTask& hung, const Tasks& tasks) {
  hung.stack.task = hung.task;
  if (const TaskStack* stack = tasks.stack_of(hung.task))
    hung.stack = *stack;
  if (const auto* locks = tasks.locks_of(hung.task))
    hung.entered = *locks;
  hung.waits_in = lock_wait(hung.stack.frames);
  if (!hung.waits_in.empty() && !hung.entered.empty())
    hung.waits_for = hung.entered.back();
  Search(hung, tasks).run();
}

struct Found {
  Heading heading;
  std::size_t at = 0; // where its line starts
};

// The first heading of text, or the first that is the same as one; nothing where there is none.
std::optional<Found> find_heading(std::string_view text, const Heading* one) {
  for (std::size_t at = 0; at < text.size();) {
    std::size_t begin = at;
    at = std::min(text.find('\n', at), text.size() - 1) + 1;
    std::string_view raw = text.substr(begin, std::min(at - begin, max_line_bytes));
    if (raw.find(start_words) == std::string_view::npos)
      continue;
    auto heading = read_heading(line_at(text, begin).text);
    if (heading && (!one || (heading->task == one->task && heading->seconds == one->seconds)))
      return Found{std::move(*heading), begin};
  }
  return {};
}

} // namespace

std::string_view evidence_name(Evidence evidence) {
  static constexpr std::string_view names[] = {"named",    "took-more", "not-waiting",
                                               "only-one", "one-of",    "hidden"};
  return names[static_cast<std::size_t>(evidence)];
}

std::optional<HungTask> read_hung_task(std::string_view report, std::string_view log) {
  auto found = find_heading(report, nullptr);
  if (!found)
    return {};
  std::string_view text = report;
  if (auto in_log = find_heading(log, &found->heading)) {
    text = log;
    found = std::move(in_log);
  }
  Reader reader(found->heading);
  LogLine first = line_at(text, found->at);
  std::size_t at = first.end;
  for (std::size_t lines = 0; at < text.size() && lines < max_lines; ++lines) {
    LogLine line = line_at(text, at);
    at = line.end;
    if (line.context == first.context && !reader.read(line.text))
      break;
  }
  Tasks tasks;
  HungTask hung = reader.take(tasks);
  tasks.sort();
  conclude(hung, tasks);
  return hung;
}

} // namespace harness
