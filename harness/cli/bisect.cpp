#include "harness/bisect/bisect.hpp"

#include <cstdio>
#include <iostream>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/bisect/job_lab.hpp"
#include "harness/bisect/state.hpp"
#include "harness/bisect/tree_revisions.hpp"
#include "harness/cli/commands.hpp"
#include "harness/cli/session.hpp"
#include "harness/output/json.hpp"
#include "harness/output/progress.hpp"
#include "harness/output/transcript.hpp"
#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"
#include "vmm/base/text.hpp"

namespace harness::cli {

namespace {

namespace fs = std::filesystem;

BisectPlan plan_for(const Job& job, const BisectOptions& options) {
  BisectPlan plan = plan_of(job);
  plan.slots = guests_at_once(options.common, job);
  return plan;
}

Job job_for(const BisectOptions& options) {
  Job job = load_job(options.common);
  if (!options.bad.empty())
    job.bad = options.bad;
  if (!options.good.empty())
    job.good = options.good;
  if (options.runs != 0)
    job.runs = options.runs;
  return job;
}

void say_where(std::ostream& out, const fs::path& transcript) {
  out << fmt::format("transcript: {}\nruns: {}\nkernels: {}\n", transcript.string(),
                     (base::state_home() / "runs").string(),
                     (base::cache_home() / "kernels").string());
}

// What the last run of a revision showed.
std::string shown(const RevisionResult& result) {
  if (!result.build_error.empty())
    return "build failed: " + base::printable(result.build_error);
  return result.runs.empty() ? "" : base::printable(result.runs.back().title);
}

BisectionRow latest(State& state) {
  const std::optional<BisectionRow> row = state.latest();
  if (!row)
    throw base::UsageError("no bisection yet; begin one with krepro bisect JOB");
  return *row;
}

} // namespace

int bisect(const BisectOptions& options) {
  const Job job = job_for(options);
  const BisectPlan plan = plan_for(job, options);
  Builder builder(kernel_spec(job));
  const std::string start = builder.tree().resolve(plan.question.bad);
  const base::Warden warden;
  State state(State::default_file());
  if (options.restart)
    state.abandon({plan.job, plan.file, plan.digest, start});
  const std::unique_ptr<Backend> backend = open_backend(job, warden);
  Runner runner(job, *backend, warden.folder(), base::state_home(), options.common.fresh_boot);
  JobLab lab(builder, runner);
  TreeRevisions revisions(builder.tree(), builder.checkout());

  const fs::path copy =
      base::state_home() / "transcripts" / fmt::format("{}-{}.txt", job.name, start.substr(0, 12));
  fs::create_directories(copy.parent_path());
  std::ostream& out = options.json ? std::cerr : std::cout;
  Transcript transcript(out, copy);
  Progress progress(stderr, ::isatty(STDERR_FILENO) != 0);
  const BisectResult result = harness::bisect(plan, state, revisions, lab, [&](const Event& event) {
    progress(event);
    transcript(event);
  });
  say_where(out, copy);
  if (options.json)
    std::cout << json_text(bisect_json(result));
  return exit_code(result.kind);
}

int bisect_status() {
  State state(State::default_file());
  const Status status = status_of(state, latest(state));
  fmt::print("job {} ({}), from {}, began {} UTC\n", status.row.key.job, status.row.key.file,
             status.row.key.start, status.row.began);
  for (const RevisionResult& result : status.verdicts)
    fmt::print("{:<4} {} {}/{} runs hit, build {}, test {}: {}\n", verdict_text(result.verdict),
               result.sha.substr(0, 12), result.hits(), result.runs.size(),
               base::duration_text(result.build_seconds),
               base::duration_text(result.test_seconds()), shown(result));
  if (!status.under_way.empty())
    fmt::print("under way: {}\n", status.under_way);
  if (!status.row.end)
    fmt::print("unfinished; go on with krepro bisect resume\n");
  else if (status.row.culprit.empty())
    fmt::print("ended: {}\n", end_text(*status.row.end));
  else
    fmt::print("first bad commit: {}\n", status.row.culprit);
  return exit_good;
}

int bisect_log() {
  State state(State::default_file());
  fmt::print("{}", replay_log(status_of(state, latest(state))));
  return exit_good;
}

int bisect_undo() {
  State state(State::default_file());
  const std::optional<std::string> undone = state.undo(latest(state).id);
  if (!undone)
    throw base::UsageError("nothing to undo: no verdict yet");
  fmt::print("took back the verdict on {}; go on with krepro bisect resume\n", *undone);
  return exit_good;
}

int bisect_resume() {
  BisectOptions options;
  {
    State state(State::default_file());
    const BisectionRow row = latest(state);
    if (row.end)
      throw base::UsageError(
          "the last bisection is finished; begin another with krepro bisect JOB");
    options.common.job = row.key.file;
    options.bad = row.key.start;
  }
  return bisect(options);
}

} // namespace harness::cli
