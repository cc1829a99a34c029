#include "harness/bisect/bisect.hpp"

#include <chrono>

#include <fmt/format.h>

#include "vmm/base/files.hpp"

namespace harness {
namespace {

// Time of this session, added to the stored sum now and then so that a killed session counts too.
class SpentTime {
 public:
  SpentTime(State& state, std::int64_t bisection)
      : state_(state), bisection_(bisection), last_(Clock::now()) {}
  void add() {
    const Clock::time_point now = Clock::now();
    state_.add_seconds(bisection_, std::chrono::duration<double>(now - last_).count());
    last_ = now;
  }

 private:
  using Clock = std::chrono::steady_clock;
  State& state_;
  std::int64_t bisection_;
  Clock::time_point last_;
};

// Length before text, so that no two lists of fields have one digest input.
std::string field(const std::string& text) { return fmt::format("{}:{}", text.size(), text); }

std::string field(const std::vector<std::string>& texts) {
  std::string all = fmt::format("{}[", texts.size());
  for (const std::string& text : texts)
    all += field(text);
  return all;
}

event::Resumed resumed(const std::vector<StoredRevision>& revisions, const std::string& since) {
  event::Resumed told{.verdicts = 0, .runs = 0, .since = since};
  for (const StoredRevision& revision : revisions) {
    if (revision.has_verdict)
      ++told.verdicts;
    else
      told.runs += static_cast<unsigned>(revision.result.runs.size());
  }
  return told;
}

} // namespace

std::string job_digest(const Job& job) {
  const RunLimits& limits = job.limits;
  std::string all = field(job.tree.string()) + field(job.image.string()) + field(job.config) +
                    field(job.modules) + field(job.backend) + field(job.append) +
                    field(job.program.encoded) + field(job.sysctls.value_or(hang_limits(1))) +
                    field(job.expect_title) + field(job.expect_files) + field(job.good) +
                    field(job.releases);
  all += fmt::format("{} {} {} {} {} {} {} {}", job.cpus, job.memory, job.runs, limits.boot.count(),
                     limits.program.count(), limits.silence.count(), limits.settle.count(),
                     limits.crash_tail.count());
  return base::sha256(all);
}

BisectPlan plan_of(const Job& job) {
  return {.job = job.name,
          .file = job.file.string(),
          .digest = job_digest(job),
          .question = {.bad = job.bad, .good = job.good, .releases = job.releases},
          .expected = {.title = job.expect_title, .files = job.expect_files},
          .max_runs = job.runs};
}

BisectResult bisect(const BisectPlan& plan, State& state, Revisions& revisions, Lab& lab,
                    const Observer& observer) {
  const std::string start = revisions.resolve(plan.question.bad);
  const BisectionRow row = state.open({plan.job, plan.file, plan.digest, start});
  SpentTime spent(state, row.id);
  const Observer observe = [&](const Event& event) {
    if (std::holds_alternative<event::RunFinished>(event))
      spent.add();
    observer(event);
    if (!std::holds_alternative<event::Started>(event))
      return;
    const event::Resumed told = resumed(state.revisions(row.id), row.began);
    if (told.verdicts + told.runs > 0)
      observer(told);
  };
  RevisionTester tester(state, row.id, lab, plan.expected, plan.max_runs, plan.slots, observe);
  Question question = plan.question;
  question.bad = start; // the name may move on meanwhile
  BisectResult result = Search(revisions, tester, observe).run(question);
  spent.add();
  result.seconds = state.bisection(row.id).seconds;
  if (result.kind != EndKind::infra)
    state.finish(row.id, result);
  observer(event::Ended{result});
  return result;
}

} // namespace harness
