#include "harness/report/hung_task.hpp"

#include <algorithm>
#include <charconv>

#include "harness/report/frames.hpp"
#include "harness/report/holders.hpp"
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

  // The reports of the same round that come before this task's: only stacks are taken from there.
  void read_earlier(std::string_view line) {
    std::string_view text = base::trim(line);
    stack_open_ = stack_open_ && !text.starts_with(start_words);
    if (auto heading = read_heading(text); heading && !(heading->task == hung_.task))
      hung_.others.push_back(std::move(heading->task));
    else
      read_stack(text);
  }

  HungTask take(ShownTasks& tasks) {
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
    else if (auto stale = read_stale_place(text))
      stack.stale.push_back(std::move(*stale));
    else if (auto ip = parse_ip(text); ip && stack.frames.empty())
      stack.frames.push_back({std::string(ip->function), ip->offset, {}, {}, 0, false});
  }

  HungTask hung_;
  ShownTasks tasks_;
  bool stack_open_ = false; // frames belong to the last stack
  bool in_list_ = false;    // of the locks
};

struct Found {
  Heading heading;
  std::size_t at = 0;    // where its line starts
  std::size_t round = 0; // where the first heading after the last list of locks starts
};

// The first heading of text, or the first that is the same as one; nothing where there is none.
std::optional<Found> find_heading(std::string_view text, const Heading* one) {
  constexpr std::size_t none = std::string_view::npos;
  std::size_t round = none;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t begin = at;
    at = std::min(text.find('\n', at), text.size() - 1) + 1;
    std::string_view raw = text.substr(begin, std::min(at - begin, max_line_bytes));
    if (raw.find(list_words) != none)
      round = none;
    if (raw.find(start_words) == none)
      continue;
    auto heading = read_heading(line_at(text, begin).text);
    if (!heading)
      continue;
    round = std::min(round, begin);
    if (!one || (heading->task == one->task && heading->seconds == one->seconds))
      return Found{std::move(*heading), begin, round};
  }
  return {};
}

} // namespace

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
  std::size_t lines = 0;
  for (; at < text.size() && lines < max_lines; ++lines) {
    LogLine line = line_at(text, at);
    at = line.end;
    if (line.context == first.context && !reader.read(line.text))
      break;
  }
  for (at = found->round; at < found->at && lines < max_lines; ++lines) {
    LogLine line = line_at(text, at);
    at = line.end;
    if (line.context == first.context)
      reader.read_earlier(line.text);
  }
  ShownTasks tasks;
  HungTask hung = reader.take(tasks);
  tasks.sort();
  conclude(hung, tasks);
  return hung;
}

} // namespace harness
