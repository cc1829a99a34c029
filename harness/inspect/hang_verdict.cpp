#include "harness/inspect/hang_verdict.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "harness/inspect/hang_text.hpp"
#include "harness/report/frames.hpp"
#include "harness/report/title.hpp"

namespace harness {

namespace {

constexpr std::size_t most_stacks = 16; // that are shown of each sort

const StuckTask* find_stuck(const std::vector<StuckTask>& blocked, std::uint64_t address) {
  const auto found = std::find_if(blocked.begin(), blocked.end(), [&](const StuckTask& stuck) {
    return stuck.task.address == address;
  });
  return found == blocked.end() ? nullptr : &*found;
}

std::uint64_t owner_of(const StuckTask& stuck) {
  return stuck.wait && !stuck.wait->readers ? stuck.wait->owner : 0;
}

// One that somebody waits for comes first.
const Spin* main_spin(const HangFacts& facts, const std::vector<Spin>& spins) {
  const auto wanted = std::find_if(spins.begin(), spins.end(), [&](const Spin& spin) {
    return std::any_of(facts.blocked.begin(), facts.blocked.end(), [&](const StuckTask& stuck) {
      return spin.task != 0 && owner_of(stuck) == spin.task;
    });
  });
  if (wanted != spins.end())
    return &*wanted;
  return spins.empty() ? nullptr : &spins.front();
}

// A user task that waits for a lock says most.
const StuckTask* main_blocked(const std::vector<StuckTask>& blocked) {
  const auto rank = [](const StuckTask& stuck) {
    return (stuck.task.kernel_thread ? 2 : 0) + (stuck.wait ? 0 : 1);
  };
  const auto best =
      std::min_element(blocked.begin(), blocked.end(),
                       [&](const StuckTask& a, const StuckTask& b) { return rank(a) < rank(b); });
  return best == blocked.end() ? nullptr : &*best;
}

std::string blamed(const StuckTask& stuck) {
  const std::vector<std::string> names = functions_of(stuck.stack);
  return names.empty() ? "" : names[guilty_index(names, true)];
}

std::string spin_summary(const HangFacts& facts, const Spin& spin) {
  std::string text = "spinning in " + spin.frame;
  if (!spin.source.file.empty() && spin.source.line != 0)
    text += fmt::format(" ({}:{})", spin.source.file, spin.source.line);
  if (!spin.under.empty())
    text += " under " + spin.under;
  if (spin.function != spin.frame)
    text += fmt::format(", always in {}", spin.function);
  if (spin.interrupts_off)
    text += ", in a tight loop with interrupts off";
  return text + fmt::format(": {} on CPU {}, {} of {} looks in {:.1f} s",
                            spin.example.pid == 0 ? "the idle task" : owner_name(facts, spin.task),
                            spin.cpu, spin.seen, spin.looks, facts.seconds);
}

std::string circle_summary(const std::vector<const StuckTask*>& circle) {
  std::string text = "deadlock: ";
  for (const StuckTask* stuck : circle)
    text += fmt::format("{} waits for {} of ", task_name(stuck->task), stuck->lock);
  return text + task_name(circle.front()->task);
}

std::string blocked_summary(const HangFacts& facts, const StuckTask& stuck) {
  const std::string wait = wait_text(facts, stuck);
  return fmt::format("idle, with {} blocked: {} in {}{}{}",
                     facts.blocked.size() == 1 ? "a task"
                                               : fmt::format("{} tasks", facts.blocked.size()),
                     task_name(stuck.task), blamed(stuck), wait.empty() ? "" : ", ", wait);
}

// Sums over all CPUs.
CpuUse total_use(const HangFacts& facts) {
  CpuUse total;
  const std::size_t cpus = facts.looks.empty() ? 0 : facts.looks.front().size();
  for (std::size_t cpu = 0; cpu < cpus; ++cpu) {
    const CpuUse use = use_of(facts.looks, cpu);
    total.idle += use.idle;
    total.user += use.user;
    total.kernel += use.kernel;
    total.halted_for_ever += use.halted_for_ever;
  }
  return total;
}

// Where a CPU is halted for good; null where none is.
const CpuLook* find_stopped(const HangFacts& facts) {
  if (facts.looks.empty())
    return nullptr;
  for (std::size_t cpu = 0; cpu < facts.looks.back().size(); ++cpu)
    if (use_of(facts.looks, cpu).halted_for_ever == facts.looks.size())
      return &facts.looks.back()[cpu];
  return nullptr;
}

class Judge {
 public:
  explicit Judge(const HangFacts& facts) : facts_(facts), spins_(find_spins(facts.looks)) {}

  HangDiagnosis run() {
    const auto circle = find_circle(facts_.blocked);
    const StuckTask* blocked = main_blocked(facts_.blocked);
    if (const Spin* spin = main_spin(facts_, spins_))
      decide(HangKind::spinning, spin_summary(facts_, *spin), spin->frame);
    else if (!circle.empty())
      decide(HangKind::deadlock, circle_summary(circle), blamed(*circle.front()));
    else if (const CpuLook* stopped = find_stopped(facts_))
      decide(HangKind::stopped, "a CPU is halted with interrupts off",
             first_function(stopped->stack));
    else if (blocked != nullptr)
      decide(HangKind::blocked, blocked_summary(facts_, *blocked), blamed(*blocked));
    else
      decide_by_use();
    diagnosis_.text = text();
    if (diagnosis_.report)
      diagnosis_.report->text = diagnosis_.text;
    return std::move(diagnosis_);
  }

 private:
  static std::string first_function(const std::vector<NamedFrame>& stack) {
    const std::vector<std::string> names = functions_of(stack);
    return names.empty() ? "" : names[guilty_index(names, false)];
  }

  void decide(HangKind kind, const std::string& summary, const std::string& function) {
    diagnosis_.kind = kind;
    diagnosis_.summary = summary;
    CrashReport report;
    report.frame = title_name(function);
    report.title = normal_title(report.frame.empty() ? "hang" : "hang in " + report.frame);
    report.type = "HANG";
    diagnosis_.report = report;
  }

  void decide_by_use() {
    const CpuUse use = total_use(facts_);
    const unsigned all = use.idle + use.user + use.kernel;
    if (use.user * 2 > all)
      set(HangKind::user, "user space is busy, the kernel is not");
    else if (all != 0 && use.idle * 10 >= all * 9)
      set(HangKind::idle, "idle: no CPU has work and no task is blocked; all wait for events");
    else
      set(HangKind::progress, "the CPUs are found in different places: they get on");
  }

  void set(HangKind kind, const std::string& summary) {
    diagnosis_.kind = kind;
    diagnosis_.summary = summary;
  }

  std::string text() const {
    std::string text =
        "INFO: " + (diagnosis_.report ? diagnosis_.report->title : std::string("no hang found")) +
        "\n" + diagnosis_.summary + "\n" + cpu_lines(facts_);
    const Spin* first = main_spin(facts_, spins_);
    if (first != nullptr)
      text += spin_text(facts_, *first);
    for (const Spin& spin : spins_)
      if (&spin != first)
        text += "\nalso " + spin_summary(facts_, spin) + "\n" + spin_text(facts_, spin);
    text += stuck_texts(facts_.blocked) + stuck_texts(owners_that_sleep());
    if (first == nullptr && facts_.blocked.empty())
      text += stuck_texts(facts_.sleeping);
    return text;
  }

  // A task that spins may have been preempted when owners were looked for.
  std::vector<StuckTask> owners_that_sleep() const {
    std::vector<StuckTask> owners = facts_.owners;
    std::erase_if(owners, [this](const StuckTask& owner) {
      return std::any_of(spins_.begin(), spins_.end(),
                         [&](const Spin& spin) { return spin.task == owner.task.address; });
    });
    return owners;
  }

  std::string stuck_texts(const std::vector<StuckTask>& tasks) const {
    std::string text;
    for (std::size_t i = 0; i < tasks.size() && i < most_stacks; ++i)
      text += "\n" + stuck_text(facts_, tasks[i]);
    if (tasks.size() > most_stacks)
      text += fmt::format("\nand {} more\n", tasks.size() - most_stacks);
    return text;
  }

  const HangFacts& facts_;
  std::vector<Spin> spins_;
  HangDiagnosis diagnosis_;
};

} // namespace

std::vector<const StuckTask*> find_circle(const std::vector<StuckTask>& blocked) {
  for (const StuckTask& start : blocked) {
    std::vector<const StuckTask*> way;
    const StuckTask* at = &start;
    while (at != nullptr && way.size() <= blocked.size()) {
      way.push_back(at);
      const std::uint64_t owner = owner_of(*at);
      at = owner != 0 ? find_stuck(blocked, owner) : nullptr;
      if (at == &start)
        return way;
    }
  }
  return {};
}

HangDiagnosis judge_hang(const HangFacts& facts) { return Judge(facts).run(); }

} // namespace harness
