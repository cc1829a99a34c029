#include "harness/report/task_stack.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <vector>

#include "harness/report/frames.hpp"
#include "vmm/base/text.hpp"

namespace harness {

namespace {

constexpr std::string_view states = "RSDTtXZPIKW";

std::optional<int> whole_number(std::string_view text) {
  int value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size())
    return {};
  return value;
}

// The word after a label, with any spaces between them; empty without the label.
std::string_view after(std::string_view text, std::string_view label) {
  std::size_t at = text.find(label);
  if (at == std::string_view::npos)
    return {};
  text.remove_prefix(at + label.size());
  text.remove_prefix(std::min(text.size(), text.find_first_not_of(' ')));
  return text.substr(0, text.find(' '));
}

std::optional<TaskStack> labelled(std::string_view text) {
  std::size_t state = text.find(" state:");
  auto pid = whole_number(after(text, " pid:"));
  if (!text.starts_with("task:") || state == std::string_view::npos || !pid)
    return {};
  TaskStack stack;
  stack.task = {std::string(base::trim(text.substr(5, state - 5))), *pid};
  std::string_view letter = after(text, " state:");
  stack.state = letter.empty() ? '\0' : letter.front();
  return stack;
}

std::optional<TaskStack> on_cpu(std::string_view text) {
  auto pid = whole_number(after(text, " PID: "));
  std::size_t name = text.find(" Comm: ");
  if (!text.starts_with("CPU: ") || !pid || name == std::string_view::npos)
    return {};
  text.remove_prefix(name + 7);
  std::size_t end = std::min(text.find(" Not tainted"), text.find(" Tainted:"));
  TaskStack stack;
  stack.task = {std::string(base::trim(text.substr(0, end))), *pid};
  stack.state = 'R';
  return stack;
}

// "%-15.15s %c", free stack bytes, pid, parent's pid, "0x%08lx"; some kernels add a word.
std::optional<TaskStack> in_columns(std::string_view text) {
  constexpr std::size_t name = 15;
  constexpr std::size_t most = 100;
  if (text.size() < name + 2 || text.size() > most || text[name] != ' ' ||
      states.find(text[name + 1]) == std::string_view::npos)
    return {};
  std::vector<std::string_view> words;
  for (std::string_view rest = text.substr(name + 2); !rest.empty();) {
    rest.remove_prefix(std::min(rest.size(), rest.find_first_not_of(' ')));
    std::string_view word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(word.size());
    if (!word.empty())
      words.push_back(word);
  }
  auto flags = std::find_if(words.rbegin(), words.rend(),
                            [](std::string_view word) { return word.starts_with("0x"); });
  if (words.rend() - flags < 4)
    return {};
  auto parent = whole_number(flags[1]);
  auto pid = whole_number(flags[2]);
  if (!pid || !parent)
    return {};
  TaskStack stack;
  stack.task = {std::string(base::trim(text.substr(0, name))), *pid};
  stack.state = text[name + 1];
  return stack;
}

bool one_of(std::string_view function, const std::string_view* first,
            const std::string_view* last) {
  return std::any_of(first, last, [&](std::string_view start) {
    return start.ends_with('*') ? function.starts_with(start.substr(0, start.size() - 1))
                                : function == start;
  });
}

bool is_scheduler(std::string_view function) {
  static constexpr std::string_view names[] = {
      "__switch_to", "context_switch", "__schedule*", "schedule*", "io_schedule*",  "rwsem_down_*",
      "rwbase_*",    "rt_mutex_sch*",  "preempt_*",   "__rwsem_*", "__ldsem_down*", "__preempt_*"};
  return one_of(function, std::begin(names), std::end(names));
}

bool is_lock(std::string_view function) {
  static constexpr std::string_view names[] = {
      "mutex_lock*",       "__mutex_lock*",  "ww_mutex_lock*",  "__ww_mutex_lock*",
      "down_read*",        "down_write*",    "__down_read*",    "__down_write*",
      "ldsem_down_*",      "percpu_down_*",  "__percpu_down_*", "percpu_rwsem_wait",
      "rt_mutex_*",        "__rt_mutex_*",   "rtlock_slow*",    "rt_spin_lock*",
      "rt_read_lock*",     "rt_write_lock*", "rwsem_down_*",    "rwbase_*",
      "call_rwsem_down_*", "__ldsem_down*"};
  return one_of(function, std::begin(names), std::end(names));
}

} // namespace

std::optional<TaskStack> read_stack_heading(std::string_view text) {
  if (auto stack = labelled(text))
    return stack;
  if (auto stack = on_cpu(text))
    return stack;
  return in_columns(text);
}

std::optional<TaskId> read_task_colon(std::string_view text) {
  std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0)
    return {};
  auto pid = whole_number(text.substr(colon + 1));
  if (!pid)
    return {};
  return TaskId{std::string(text.substr(0, colon)), *pid};
}

std::string lock_wait(const TaskStack& stack) {
  for (const CodePlace& place : stack.frames.empty() ? stack.stale : stack.frames) {
    std::string_view name = plain_name(place.function);
    if (is_lock(name))
      return std::string(name);
    if (!is_scheduler(name))
      return {};
  }
  return {};
}

} // namespace harness
