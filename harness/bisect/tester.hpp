// Brings a revision to a verdict: build it, run it until the verdict is certain, write down each
// step.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "harness/bisect/search.hpp"
#include "harness/bisect/state.hpp"
#include "harness/bisect/trial.hpp"
#include "harness/kernel/build.hpp"

namespace harness {

using OnStage = std::function<void(const std::string&)>;

// Where revisions are built and run. A build or run that fails on our side and may do better when
// tried again is a value (OutcomeKind::infrastructure); what cannot get better throws base::Error.
// A ConfigError is a revision that does not build.
class Lab {
 public:
  virtual ~Lab() = default;
  // As in Builder.
  virtual std::string compiler(const std::string& sha) = 0;
  virtual BuildResult build(const std::string& sha, const OnStage& on_stage) = 0;
  // One boot and one replay. index: how many runs that revision already had. Called from several
  // threads where the tester has several slots.
  virtual Trial run(const std::string& sha, const Image& image, unsigned index,
                    const OnStage& on_stage) = 0;
};

// Stored verdicts are returned at once, and runs of a revision under way are gone on with. The
// hunted bug and the hit rate are a fold over the results in the order in which they are asked for,
// so a resumed bisection judges as the uninterrupted one.
class RevisionTester : public Tester {
 public:
  RevisionTester(State& state, std::int64_t bisection, Lab& lab, const Expectation& expected,
                 unsigned max_runs, unsigned slots, Observer observer);
  RevisionResult test(const std::string& sha, Role role) override;
  const HitRate& rate() const { return rate_; }
  const Hunted& hunted() const { return hunted_; }

 private:
  RevisionResult test_anew(const std::string& sha, Role role);
  std::string compiler(const std::string& sha);
  BuildResult try_build(const std::string& sha);
  bool build(RevisionResult& result, Image& image);
  void run_until_certain(RevisionResult& result, const Image& image, const RunRule& rule);
  void run_batch(RevisionResult& result, const Image& image, const RunRule& rule, unsigned size);
  void record(RevisionResult& result, const Trial& trial);
  void tell(const Event& event);
  void absorb(const RevisionResult& result);
  void replay(const RevisionResult& result);

  State& state_;
  std::int64_t bisection_;
  Lab& lab_;
  Hunted hunted_;
  HitRate rate_;
  unsigned max_runs_;
  unsigned slots_;
  Observer observer_; // through tell(): runs side by side have stages to tell
  std::mutex telling_;
  std::map<std::string, StoredRevision> stored_;
};

} // namespace harness
