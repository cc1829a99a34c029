// A lab that knows the answers: revisions behave as they are told.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "harness/bisect/bisect.hpp"
#include "harness/kernel/config.hpp"
#include "repo.hpp"
#include "vmm/base/error.hpp"

namespace test {

inline harness::Symptom symptom(const std::string& title,
                                const std::string& file = "drivers/vhost/vhost.c",
                                const std::string& type = "LOCKDEP") {
  return {title, {}, type, title.substr(title.rfind(' ') + 1), {file}, "report of " + title};
}

// What happens in a run.
inline harness::Trial crash(const harness::Symptom& what) {
  return {harness::OutcomeKind::crash, "", {what}, 1};
}
inline harness::Trial quiet() { return {harness::OutcomeKind::clean, "", {}, 1}; }
inline harness::Trial no_boot() {
  return {harness::OutcomeKind::boot_failure, "no agent after 20 s", {}, 1};
}
inline harness::Trial untestable() {
  return {harness::OutcomeKind::not_testable, "no /dev/vhost-net", {}, 1};
}
inline harness::Trial broken_host() {
  return {harness::OutcomeKind::infrastructure, "no memory", {}, 1};
}

// Thrown where the test interrupts.
struct Stop {};

class Oracle : public harness::Lab {
 public:
  explicit Oracle(Repo& repo) : repo_(repo) {}

  // By name of the commit; a commit without an entry is quiet.
  std::map<std::string, std::function<harness::Trial(unsigned index)>> behaviour;
  std::set<std::string> does_not_build;
  std::set<std::string> no_toolchain; // toolchains.toml has no entry for its version
  int stop_after = -1;                // so many builds and runs, then Stop; -1: never
  std::chrono::milliseconds nap{0};   // in each run
  unsigned most_at_once = 0;
  unsigned builds = 0;
  unsigned runs = 0;
  std::vector<std::string> asked; // "build c3", "run c3 #0", in order

  // The commit and all its descendants crash with that title, but those in except.
  void bad_from(const std::string& culprit, const harness::Symptom& what, double p = 1,
                unsigned seed = 0) {
    for (const std::string& name : repo_.order())
      if (repo_.is_ancestor(repo_.sha(culprit), repo_.sha(name)))
        behaviour[name] = [=](unsigned index) {
          return dice(fmt::format("{} {} {}", seed, name, index)) < p ? crash(what) : quiet();
        };
  }

  std::string compiler(const std::string& sha) override {
    if (no_toolchain.count(repo_.name(sha)) > 0)
      throw harness::ConfigError("toolchains.toml: no toolchain for Linux 4.6.0");
    return "gcc 12.2.0";
  }
  harness::BuildResult build(const std::string& sha, const harness::OnStage& on_stage) override {
    act("build " + repo_.name(sha));
    ++builds;
    compiler(sha);
    on_stage("CC kernel/fork.o");
    harness::BuildResult result;
    result.compiler = "gcc 12.2.0";
    result.seconds = 10;
    if (does_not_build.count(repo_.name(sha)) > 0)
      result.error = "drivers/vhost/vhost.c:12:3: error: no";
    else
      result.image.emplace();
    return result;
  }
  harness::Trial run(const std::string& sha, const harness::Image& /*image*/, unsigned index,
                     const harness::OnStage& /*on_stage*/) override {
    {
      const std::lock_guard lock(mutex_);
      act(fmt::format("run {} #{}", repo_.name(sha), index));
      ++runs;
      most_at_once = std::max(most_at_once, ++running_);
    }
    if (nap.count() > 0)
      std::this_thread::sleep_for(nap);
    const std::lock_guard lock(mutex_);
    --running_;
    const auto found = behaviour.find(repo_.name(sha));
    return found == behaviour.end() ? quiet() : found->second(index);
  }

  // Uniform in [0, 1), the same for the same text.
  static double dice(const std::string& text) {
    return static_cast<double>(std::stoul(base::sha256(text).substr(0, 8), nullptr, 16)) /
           4294967296.0;
  }

 private:
  void act(const std::string& what) {
    if (stop_after == 0)
      throw Stop{};
    if (stop_after > 0)
      --stop_after;
    asked.push_back(what);
  }
  Repo& repo_;
  std::mutex mutex_;
  unsigned running_ = 0;
};

// A bisection of a repository with an oracle, with the events as text.
struct Bench {
  Repo& repo;
  Oracle lab{repo};
  base::TempDir folder{"/tmp", "krepro-state-"};
  harness::BisectPlan plan{"job", "job.toml", "digest", {"main", "", "v[0-9]*"}, {}, 10};
  std::vector<harness::Event> events;

  explicit Bench(Repo& tree) : repo(tree) {}
  base::fs::path database() const { return folder.path() / "krepro.db"; }
  harness::BisectResult run() {
    harness::State state(database());
    return harness::bisect(plan, state, repo, lab,
                           [this](const harness::Event& event) { events.push_back(event); });
  }
  template<class Wanted> std::vector<Wanted> told() const {
    std::vector<Wanted> found;
    for (const harness::Event& event : events)
      if (const auto* wanted = std::get_if<Wanted>(&event))
        found.push_back(*wanted);
    return found;
  }
  // The verdict each commit got, by name.
  std::map<std::string, harness::Verdict> verdicts() const {
    std::map<std::string, harness::Verdict> found;
    for (const auto& tested : told<harness::event::RevisionTested>())
      found[repo.name(tested.result.sha)] = tested.result.verdict;
    return found;
  }
};

} // namespace test
