// Is this crash the one that is hunted? Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace harness {

// What a run showed, as far as telling crashes apart needs it.
struct Symptom {
  std::string title; // a crash's title; of a hang without a report: what stands still
  std::vector<std::string> alt_titles;
  std::string type;               // class of the bug (CrashReport::type); may be empty
  std::string frame;              // guilty function; empty when unknown
  std::vector<std::string> files; // of the report's frames, guilty one first; may be empty
  std::string text;               // the decoded report; plays no part in relatedness
};

// The job's [expect].
struct Expectation {
  std::string title;              // shell pattern; empty: none
  std::vector<std::string> files; // path prefixes
  bool empty() const { return title.empty() && files.empty(); }
};

// Why a crash counts as the hunted one, strongest first.
enum class Relation {
  none,
  first,     // nothing is known or expected yet: what the first run shows is hunted
  title,     // a title (or alternative title) in common
  function,  // same class and same guilty function
  hang,      // both stand still, and one of them without naming a function
  directory, // guilty files in one directory
  expected,  // the job's patterns
};

std::string_view relation_text(Relation relation);

// A hang, a lockup or a stall: something that stands still rather than breaks.
bool stands_still(const Symptom& symptom);

// How two crashes are related (never first or expected).
// A directory of one component (mm/, lib/, kernel/) holds too many unrelated bugs: there the file
// must be the same.
// A hang without a report names no function: it is related to every symptom that stands still, and
// to nothing else, since a kernel that prints nothing may well be the hunted hang (facts: with
// PREEMPT_NONE a spinning worker silences hung_task), but says nothing about a splat.
Relation relation(const Symptom& a, const Symptom& b);

// The bug that is hunted: the job's expectation and every symptom seen on bad revisions so far. It
// grows, so that a bug whose title changes along the history stays one bug.
class Hunted {
 public:
  explicit Hunted(Expectation expected) : expected_(std::move(expected)) {}
  Relation relation_of(const Symptom& symptom) const;
  // Adds a symptom of a bad revision; one with a known title, class, function and file is dropped.
  void learn(const Symptom& symptom);
  const std::vector<Symptom>& known() const { return known_; }

 private:
  Expectation expected_;
  std::vector<Symptom> known_;
};

} // namespace harness
