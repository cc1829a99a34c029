// From the runs of one revision to a verdict. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/bisect/related.hpp"

namespace harness {

// One run, as the bisection sees it.
enum class RunKind {
  hit, // the crash (or hang) that is hunted, or one related to it
  clean,
  other,      // a crash that has nothing to do with it
  boot,       // boot failure
  untestable, // a precondition does not hold
  infra,      // our side failed
};

struct RunResult {
  RunKind kind = RunKind::infra;
  std::string title; // as a transcript prints it: "crashed: INFO: task hung in f", "OK", ...
  double seconds = 0;
  Symptom symptom; // of a hit or an other; else empty
};

enum class Verdict { bad, good, skip, infra };

// What is known of how often the reproducer hits on bad revisions: hits in runs, counted on
// revisions that hit at least once.
struct HitRate {
  unsigned hits = 0;
  unsigned runs = 0;
};

// When to stop running one revision.
struct RunRule {
  unsigned max_runs = 10;  // hits, cleans and others together
  unsigned hits = 1;       // that many are enough
  double miss = 0.01;      // cleans are enough below this miss probability
  bool prove_clean = true; // false: cleans end only at max_runs (the start revision)
};

// The start revision is run to 3 hits or max_runs: a bug that shows in 1 of 10 runs is still one.
RunRule start_rule(unsigned max_runs);

// Limits that no job changes.
inline constexpr unsigned infra_retries = 3;       // one more ends the bisection
inline constexpr unsigned boot_retries = 3;        // where some runs did boot
inline constexpr unsigned first_boot_failures = 2; // where none did
inline constexpr unsigned first_others = 3;        // unrelated crashes and nothing else

// Probability that n runs are all clean on a bad kernel, for a hit probability with the Jeffreys
// posterior Beta(hits + 1/2, runs - hits + 1/2): B(a, b + n) / B(a, b). 1 for n = 0.
double miss_probability(const HitRate& rate, unsigned n);

unsigned count(const std::vector<RunResult>& runs, RunKind kind);

// True when the runs are enough for a verdict:
// - hits: as many as the rule wants;
// - cleans (no hit): their miss probability is below the rule's;
// - hits, cleans and others together: max_runs;
// - untestable: one; it is the same each time;
// - boot failures: 2 when no run booted, 4 where some did;
// - unrelated crashes: 3 and nothing else;
// - infrastructure: 4. Such runs are no evidence; each is tried again.
bool certain(const std::vector<RunResult>& runs, const HitRate& rate, const RunRule& rule);

// How many further runs may be started at once without one being in vain if they turn out as
// expected: cleans up to certainty, or at the start hits up to the rule's. The first run of a
// revision goes alone where a bad one would hit at least half of the time. At least 1.
unsigned runs_at_once(const std::vector<RunResult>& runs, const HitRate& rate, const RunRule& rule);

// The verdict on runs that are certain. One hit: bad. Else 4 infrastructure failures: infra;
// untestable, or too many boot failures: skip. Else good if there are cleans, and at least as many
// as unrelated crashes; skip otherwise. No runs at all: skip.
Verdict judge(const std::vector<RunResult>& runs);

// "bad", "good", "skip", "infra".
std::string_view verdict_text(Verdict verdict);
// The other way round; infra for anything else.
Verdict verdict_from(std::string_view text);
std::string_view run_kind_text(RunKind kind);
RunKind run_kind_from(std::string_view text);

} // namespace harness
