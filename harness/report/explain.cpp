// The text form of lockdep reports and hung tasks.
#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "harness/report/frames.hpp"
#include "harness/report/hung_task.hpp"
#include "harness/report/lockdep.hpp"
#include "harness/report/machinery.hpp"

namespace harness {

namespace {

constexpr std::size_t shown_frames = 4;
constexpr std::size_t shown_tasks = 8;

using Out = std::back_insert_iterator<std::string>;

std::string task_text(const TaskId& task) { return fmt::format("{}/{}", task.name, task.pid); }

// The first frames that say something about the code that takes the lock.
void stack_lines(Out out, const CodeStack& stack, Skip skip) {
  std::size_t shown = 0;
  for (const CodePlace& place : stack) {
    if (is_machinery(plain_name(place.function), skip))
      continue;
    fmt::format_to(out, "      {}\n", place_text(place));
    if (++shown == shown_frames)
      break;
  }
  if (shown == 0 && !stack.empty())
    fmt::format_to(out, "      {}\n", place_text(stack.front()));
}

void held_lines(Out out, const std::vector<HeldLocks>& all) {
  for (const HeldLocks& held : all) {
    fmt::format_to(out, "{} holds {}\n", task_text(held.task),
                   held.count == 0   ? "no lock"
                   : held.count == 1 ? "1 lock:"
                                     : fmt::format("{} locks:", held.count));
    for (const Lock& lock : held.locks)
      fmt::format_to(out, "      {}\n", lock_text(lock));
  }
}

// What the task does with the lock that the report is about.
std::string_view verb(LockdepKind kind) {
  switch (kind) {
  case LockdepKind::bad_unlock:
    return "releases";
  case LockdepKind::bad_contention:
    return "contends";
  case LockdepKind::held_lock_freed:
    return "frees";
  case LockdepKind::irq_inversion:
    return "took";
  default:
    return "wants";
  }
}

// The kernel prints the newest dependency last; each lock was taken under the one after it, and #0
// is taken now, under the first.
void chain_lines(Out out, const std::vector<ChainEntry>& chain) {
  for (std::size_t i = chain.empty() ? 0 : chain.size() - 1; i-- > 0;) {
    fmt::format_to(out, "before: under {} took {} (#{})\n", chain[i + 1].lock.name,
                   chain[i].lock.name, chain[i].number);
    stack_lines(out, chain[i].stacks.front().frames, Skip::common);
  }
  if (chain.size() > 1 && chain.back().number == 0) {
    fmt::format_to(out, "now: under {} takes {} (#0)\n", chain.front().lock.name,
                   chain.back().lock.name);
    stack_lines(out, chain.back().stacks.front().frames, Skip::common);
  }
}

void related_lines(Out out, const LockdepReport& report) {
  for (const RelatedLock& related : report.related) {
    fmt::format_to(out, "{}{}{}\n", related.says, related.lock.name.empty() ? "" : " ",
                   related.lock.name);
    stack_lines(out, related.stack, Skip::common);
  }
}

void scenario_lines(Out out, const LockdepReport& report) {
  if (report.scenario.empty())
    return;
  bool two = std::any_of(report.scenario.begin(), report.scenario.end(),
                         [](const auto& row) { return !row[1].empty(); });
  std::size_t width = 4;
  for (const auto& row : report.scenario)
    width = std::max(width, std::min<std::size_t>(row[0].size(), 60));
  fmt::format_to(out, "  {:<{}}{}\n", "CPU0", two ? width : 0, two ? "  CPU1" : "");
  for (const auto& row : report.scenario)
    if (row[1].empty())
      fmt::format_to(out, "  {}\n", row[0]);
    else
      fmt::format_to(out, "  {:<{}}  {}\n", "", width, row[1]);
}

std::string_view evidence_text(Evidence evidence) {
  switch (evidence) {
  case Evidence::named:
    return "the kernel names it as the likely owner";
  case Evidence::took_more:
    return "it took further locks after this one";
  case Evidence::not_waiting:
    return "its stack waits for no lock";
  case Evidence::only_one:
    return "no other task entered the lock";
  case Evidence::one_of:
    return "one of those that entered the lock; the log does not tell which has it";
  case Evidence::hidden:
    return "a guess: it was running, and the kernel does not print the locks of a running task";
  }
  return "";
}

// What a task does with the last lock it entered.
std::string_view last_verb(const LockHolder& holder) {
  if (holder.stack.frames.size() + holder.stack.stale.size() == 0)
    return "has or waits for";
  return lock_wait(holder.stack).empty() ? "has" : "waits for";
}

void holder_lines(Out out, const HungTask& hung, const LockHolder& holder) {
  bool itself = holder.task.pid == hung.task.pid;
  fmt::format_to(out, "held by {}{}{}: {}{}\n", task_text(holder.task),
                 itself ? ", the same task" : "", holder.hung && !itself ? ", hung too" : "",
                 evidence_text(holder.evidence),
                 holder.same_instance || holder.evidence == Evidence::hidden
                     ? ""
                     : " (only the class is known to be the same)");
  if (itself)
    return;
  for (const Lock& lock : holder.entered)
    fmt::format_to(out, "    {} {}\n", &lock == &holder.entered.back() ? last_verb(holder) : "has",
                   lock_text(lock));
  stack_lines(out, holder.stack.frames, Skip::wait);
  if (holder.deadlock)
    fmt::format_to(out, "deadlock: each waits for a lock that the other has\n");
}

void task_list(Out out, std::string_view words, const std::vector<TaskId>& tasks) {
  if (tasks.empty())
    return;
  fmt::format_to(out, "{}", words);
  for (std::size_t i = 0; i < tasks.size() && i < shown_tasks; ++i)
    fmt::format_to(out, "{}{}", i == 0 ? " " : ", ", task_text(tasks[i]));
  if (tasks.size() > shown_tasks)
    fmt::format_to(out, " and {} more", tasks.size() - shown_tasks);
  fmt::format_to(out, "\n");
}

} // namespace

std::string explain(const LockdepReport& report) {
  std::string text;
  Out out(text);
  fmt::format_to(out, "{}{}{}\n", report.headline, report.kernel.empty() ? "" : ", kernel ",
                 report.kernel);
  if (!report.rcu_message.empty())
    fmt::format_to(out, "{}:{}: {}\n", report.rcu_file, report.rcu_line, report.rcu_message);
  if (report.wanted)
    fmt::format_to(out, "{} {} {}\n", task_text(report.task), verb(report.kind),
                   lock_text(*report.wanted));
  if (report.holding)
    fmt::format_to(out, "{} holds {}\n", task_text(report.task), lock_text(*report.holding));
  if (!report.usage.empty())
    fmt::format_to(out, "the lock's use: {}\n", report.usage);
  if (!report.context.empty())
    fmt::format_to(out, "the context allows {}\n", report.context);
  related_lines(out, report);
  chain_lines(out, report.chain);
  scenario_lines(out, report);
  held_lines(out, report.held);
  if (report.chain.empty() && !report.backtrace.empty()) {
    fmt::format_to(out, "at\n");
    stack_lines(out, report.backtrace, Skip::common);
  }
  return text;
}

std::string explain(const HungTask& hung) {
  std::string text;
  Out out(text);
  fmt::format_to(out, "{} blocked for more than {} seconds{}{}\n", task_text(hung.task),
                 hung.seconds, hung.kernel.empty() ? "" : ", kernel ", hung.kernel);
  if (hung.waits_for)
    fmt::format_to(out, "waits for {} in {}\n", lock_text(*hung.waits_for), hung.waits_in);
  else if (hung.blocker)
    fmt::format_to(out, "waits for a {}\n", hung.blocker->kind);
  else if (!hung.waits_in.empty())
    fmt::format_to(out, "waits for a lock in {}; the log does not show which\n", hung.waits_in);
  else if (hung.stack.frames.size() + hung.stack.stale.size() == 0)
    fmt::format_to(out, "the log does not show its stack\n");
  else
    fmt::format_to(out, "waits for no lock that lockdep watches\n");
  stack_lines(out, hung.stack.frames, Skip::wait);
  std::size_t taken = hung.entered.size() - (hung.waits_for ? 1 : 0);
  for (std::size_t i = 0; i < taken; ++i)
    fmt::format_to(out, "holds {}\n", lock_text(hung.entered[i]));
  for (std::size_t i = 0; i < hung.holders.size() && i < shown_tasks; ++i)
    holder_lines(out, hung, hung.holders[i]);
  if (hung.holders.size() > shown_tasks)
    fmt::format_to(out, "and {} more that may hold it\n", hung.holders.size() - shown_tasks);
  task_list(out, "also wait for it:", hung.waiters);
  task_list(out, "also hung:", hung.others);
  return text;
}

} // namespace harness
