#include "harness/bisect/tester.hpp"

#include <algorithm>
#include <future>

#include "harness/kernel/config.hpp"

namespace harness {

RevisionTester::RevisionTester(State& state, std::int64_t bisection, Lab& lab,
                               const Expectation& expected, unsigned max_runs, unsigned slots,
                               Observer observer)
    : state_(state), bisection_(bisection), lab_(lab), hunted_(expected), max_runs_(max_runs),
      slots_(std::max(slots, 1u)), observer_(std::move(observer)) {
  for (StoredRevision& revision : state_.revisions(bisection)) {
    const std::string sha = revision.result.sha;
    stored_.emplace(sha, std::move(revision));
  }
}

RevisionResult RevisionTester::test(const std::string& sha, Role role) {
  const auto found = stored_.find(sha);
  RevisionResult result;
  if (found != stored_.end() && found->second.has_verdict) {
    result = found->second.result;
    replay(result);
  } else {
    result = test_anew(sha, role);
  }
  absorb(result);
  tell(event::RevisionTested{result});
  return result;
}

void RevisionTester::replay(const RevisionResult& result) {
  tell(event::TestStarted{result.sha, result.compiler, true});
  for (unsigned i = 0; i < result.runs.size(); ++i)
    tell(event::RunFinished{i, result.runs[i]});
}

RevisionResult RevisionTester::test_anew(const std::string& sha, Role role) {
  RevisionResult result;
  result.sha = sha;
  result.compiler = compiler(sha);
  tell(event::TestStarted{sha, result.compiler, false});
  const auto begun = stored_.find(sha);
  const double earlier_build = begun == stored_.end() ? 0 : begun->second.result.build_seconds;
  if (begun != stored_.end())
    result.runs = begun->second.result.runs;
  for (unsigned i = 0; i < result.runs.size(); ++i) {
    if (result.runs[i].kind == RunKind::hit)
      hunted_.learn(result.runs[i].symptom);
    tell(event::RunFinished{i, result.runs[i]});
  }
  Image image;
  const RunRule rule = role == Role::start ? start_rule(max_runs_) : RunRule{.max_runs = max_runs_};
  if (build(result, image))
    run_until_certain(result, image, rule);
  result.build_seconds += earlier_build;
  result.verdict = result.build_error.empty() ? judge(result.runs) : Verdict::skip;
  if (result.verdict == Verdict::good)
    result.miss = miss_probability(rate_, result.cleans());
  if (result.verdict != Verdict::infra)
    state_.add_verdict(bisection_, result);
  return result;
}

std::string RevisionTester::compiler(const std::string& sha) {
  try {
    return lab_.compiler(sha);
  } catch (const ConfigError&) { // build() says it in full
    return "no known compiler";
  }
}

BuildResult RevisionTester::try_build(const std::string& sha) {
  try {
    return lab_.build(sha, [this](const std::string& stage) { tell(event::Stage{stage}); });
  } catch (const ConfigError& error) {
    BuildResult failed;
    failed.error = error.what();
    return failed;
  }
}

bool RevisionTester::build(RevisionResult& result, Image& image) {
  tell(event::BuildStarted{result.sha});
  const BuildResult built = try_build(result.sha);
  if (!built.compiler.empty())
    result.compiler = built.compiler;
  result.build_seconds = built.seconds;
  if (!built.image)
    result.build_error = built.error.empty() ? "unknown error" : built.error;
  state_.add_build(bisection_, result);
  if (!built.image)
    return false;
  image = *built.image;
  return true;
}

void RevisionTester::run_until_certain(RevisionResult& result, const Image& image,
                                       const RunRule& rule) {
  while (!certain(result.runs, rate_, rule))
    run_batch(result, image, rule, std::min(slots_, runs_at_once(result.runs, rate_, rule)));
}

void RevisionTester::run_batch(RevisionResult& result, const Image& image, const RunRule& rule,
                               unsigned size) {
  std::vector<std::future<Trial>> trials;
  for (unsigned i = 0; i < size; ++i) {
    const auto index = static_cast<unsigned>(result.runs.size()) + i;
    tell(event::RunStarted{result.sha, index, rule.max_runs});
    // A single run stays in this thread: deferred.
    trials.push_back(std::async(size == 1 ? std::launch::deferred : std::launch::async,
                                [this, sha = result.sha, &image, index] {
                                  return lab_.run(sha, image, index,
                                                  [this](const std::string& stage) {
                                                    tell(event::Stage{stage});
                                                  });
                                }));
  }
  // Where one throws, those before it are stored, and the destructors wait for those behind it.
  for (std::future<Trial>& trial : trials) {
    const Trial ended = trial.get();
    if (!certain(result.runs, rate_, rule))
      record(result, ended);
  }
}

void RevisionTester::record(RevisionResult& result, const Trial& trial) {
  const RunResult run = classify(trial, hunted_);
  // A failure of ours is no evidence: the next session gets all its retries again.
  if (run.kind != RunKind::infra)
    state_.add_run(bisection_, result.sha, run);
  if (run.kind == RunKind::hit)
    hunted_.learn(run.symptom);
  result.runs.push_back(run);
  tell(event::RunFinished{static_cast<unsigned>(result.runs.size()) - 1, run});
}

void RevisionTester::tell(const Event& event) {
  const std::lock_guard lock(telling_);
  observer_(event);
}

void RevisionTester::absorb(const RevisionResult& result) {
  for (const RunResult& run : result.runs)
    if (run.kind == RunKind::hit)
      hunted_.learn(run.symptom);
  if (result.hits() > 0) {
    rate_.hits += result.hits();
    rate_.runs += result.hits() + result.cleans();
  }
}

} // namespace harness
