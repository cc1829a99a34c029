#include <algorithm>
#include <cstdio>
#include <future>
#include <mutex>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/bisect/related.hpp"
#include "harness/bisect/trial.hpp"
#include "harness/cli/commands.hpp"
#include "harness/cli/session.hpp"
#include "harness/job/runner.hpp"
#include "harness/output/json.hpp"
#include "harness/output/progress.hpp"
#include "vmm/base/files.hpp"
#include "vmm/base/text.hpp"

namespace harness::cli {

namespace {

// Where words for people go: JSON has standard output for itself.
std::FILE* words(const RunOptions& options) { return options.json ? stderr : stdout; }

// The kernel that is asked for: a file of the user's, or a revision built into the store. Nothing
// where the revision does not build (said).
std::optional<Image> kernel_for(const Job& job, const RunOptions& options, Progress& progress) {
  if (!options.kernel.empty())
    return image_of_file(options.kernel);
  if (!job.image.empty())
    return image_of_file(job.image);
  Builder builder(kernel_spec(job));
  const std::string sha =
      builder.tree().resolve(options.revision.empty() ? "HEAD" : options.revision);
  progress.headline("build " + sha.substr(0, 12));
  const BuildResult built =
      builder.build(sha, [&](const std::string& stage) { progress.stage(stage); });
  progress.quiet();
  std::FILE* out = words(options);
  fmt::print(out, "testing commit {} with {}\n", sha, built.compiler);
  if (!built.image)
    fmt::print(out, "build failed: {} (whole log: {})\n", base::printable(built.error),
               built.log.string());
  return built.image;
}

int exit_code_of(RunKind kind) {
  switch (kind) {
  case RunKind::hit:
    return exit_bad;
  case RunKind::clean:
    return exit_good;
  case RunKind::infra:
    return exit_infrastructure;
  case RunKind::other:
  case RunKind::boot:
  case RunKind::untestable:
    return exit_cannot_judge;
  }
  return exit_infrastructure;
}

void tell(unsigned index, const RunResult& result, const KeptRun& kept) {
  fmt::print("run #{}: {}\n", index, base::printable(result.title));
  if (!result.symptom.text.empty())
    fmt::print("\n{}\n", base::printable(result.symptom.text));
  fmt::print("kept in {} ({:.1f} s)\n", kept.folder.string(), kept.outcome.seconds);
}

Outcome decoded(Outcome outcome, const Decode& decode) {
  for (CrashReport& report : outcome.reports)
    report.text = decode(report).text;
  return outcome;
}

// How much a run says, for the exit code of several: a hit over a clean run over all others.
int weight(RunKind kind) { return kind == RunKind::hit ? 2 : kind == RunKind::clean ? 1 : 0; }

// The stages of runs side by side, one line at a time.
class Stages {
 public:
  Stages(Progress& progress, bool verbose) : progress_(progress), verbose_(verbose) {}

  void operator()(const std::string& event) {
    const std::lock_guard lock(mutex_);
    if (verbose_)
      fmt::print(stderr, "{}\n", base::printable(event));
    else
      progress_.stage(event);
  }

 private:
  std::mutex mutex_;
  Progress& progress_;
  bool verbose_;
};

// Runs first to first + count, side by side, in their order. A single one stays in this thread.
std::vector<std::future<KeptRun>> start_runs(Runner& runner, const Image& image, unsigned count,
                                             Stages& stages) {
  std::vector<std::future<KeptRun>> runs;
  for (unsigned i = 0; i < count; ++i)
    runs.push_back(std::async(count == 1 ? std::launch::deferred : std::launch::async, [&] {
      return runner.run(image, [&](const std::string& event) { stages(event); });
    }));
  return runs;
}

} // namespace

int run(const RunOptions& options) {
  const Job job = load_job(options.common);
  const base::Warden warden;
  Progress progress(stderr, ::isatty(STDERR_FILENO) != 0);
  const std::optional<Image> image = kernel_for(job, options, progress);
  if (!image)
    return exit_cannot_judge;
  const std::unique_ptr<Backend> backend = open_backend(job, warden);
  Runner runner(job, *backend, warden.folder(), base::state_home(), options.common.fresh_boot);
  const Hunted hunted(Expectation{job.expect_title, job.expect_files});
  const Decode decode = [&](const CrashReport& report) { return runner.decode(*image, report); };
  Stages stages(progress, options.verbose);

  const unsigned slots = guests_at_once(options.common, job);
  RunKind ended = RunKind::infra;
  for (unsigned i = 0; i < options.runs && ended != RunKind::hit;) {
    progress.headline(fmt::format("run #{}", i));
    for (std::future<KeptRun>& run :
         start_runs(runner, *image, std::min(slots, options.runs - i), stages)) {
      const KeptRun kept = run.get();
      progress.quiet();
      const RunResult result = classify(trial_of(kept.outcome, decode), hunted);
      if (i == 0 || weight(result.kind) > weight(ended))
        ended = result.kind;
      if (options.json)
        fmt::print("{}", json_text(run_json(decoded(kept.outcome, decode), kept.folder)));
      else
        tell(i, result, kept);
      ++i;
    }
  }
  return exit_code_of(ended);
}

} // namespace harness::cli
