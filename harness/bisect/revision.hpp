// What is known of one tested revision, and of a whole bisection.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/bisect/verdict.hpp"
#include "harness/kernel/tree.hpp"

namespace harness {

struct RevisionResult {
  std::string sha;
  Verdict verdict = Verdict::infra;
  std::string compiler;
  std::string build_error; // not empty: it does not build, and there are no runs
  double build_seconds = 0;
  std::vector<RunResult> runs; // in order, infrastructure failures included
  double miss = 1;             // good: probability that a bad kernel would have looked the same
  bool stored = false;         // the verdict is from an earlier session

  unsigned hits() const { return count(runs, RunKind::hit); }
  unsigned cleans() const { return count(runs, RunKind::clean); }
  double test_seconds() const;
};

// How a bisection ends.
enum class EndKind {
  found,          // one first bad commit
  only_skipped,   // several candidates, the rest cannot be tested
  not_reproduced, // the start revision never hits
  start_skipped,  // the start revision does not build, boot or ...
  no_good,        // bad in every release that could be tested, or there is none
  good_is_bad,    // the job's good revision hits too
  good_skipped,   // the job's good revision cannot be tested
  fixed_between,  // good is no ancestor of bad, and their merge base is bad
  infra,          // our side failed again and again; can be resumed
};

std::string_view end_text(EndKind kind);
EndKind end_from(std::string_view text);

// 0 found, 131 infra, 125 everything else.
int exit_code(EndKind kind);

// The counts behind a name.
struct Counts {
  std::string sha;
  unsigned hits = 0;
  unsigned runs = 0; // hits and cleans; 0: not run itself
};

struct BisectResult {
  EndKind kind = EndKind::infra;
  std::string detail; // one line for people: what ended it and what to do next; empty when found
  std::string start;
  Commit culprit;                 // found
  std::string diffstat;           // found
  std::vector<std::string> cc;    // found: recipients of a report
  Counts at_culprit;              // found
  std::vector<Counts> at_parents; // found
  std::vector<Commit> candidates; // only_skipped
  Symptom crash;                  // at the culprit; else at the oldest bad revision; may be empty
  unsigned revisions = 0;         // tested
  double seconds = 0;             // all sessions together
  double build_seconds = 0;
  double test_seconds = 0;
};

} // namespace harness
