// What a bisection tells while it works. It prints nothing itself.
#pragma once

#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "harness/bisect/revision.hpp"

namespace harness::event {

struct Started {
  std::string sha;
};
// An unfinished bisection of the same job and start goes on.
struct Resumed {
  unsigned verdicts = 0; // stored
  unsigned runs = 0;     // stored, of revisions without a verdict
  std::string since;     // when it began, "2026-01-31 12:00:00" UTC
};
struct ReleaseChosen {
  std::string name;
};
struct TestStarted {
  std::string sha;
  std::string compiler; // empty: unknown (from the state, of a kernel that never got that far)
  bool stored = false;
};
struct BuildStarted {
  std::string sha;
};
struct RunStarted {
  std::string sha;
  unsigned index = 0; // from 0
  unsigned max = 0;
};
// A stage of the build or run under way; guests may have a say in it.
struct Stage {
  std::string text;
};
struct RunFinished {
  unsigned index = 0;
  RunResult result;
};
struct RevisionTested {
  RevisionResult result;
};
struct BisectStarted {
  std::string bad; // as a person names them
  std::string good;
};
// A line of git bisect's own.
struct GitSaid {
  std::string line;
};
struct Answered {
  Verdict verdict = Verdict::skip;
  std::string sha;
};
struct Ended {
  BisectResult result;
};

} // namespace harness::event

namespace harness {

using Event = std::variant<event::Started, event::Resumed, event::ReleaseChosen, event::TestStarted,
                           event::BuildStarted, event::RunStarted, event::Stage, event::RunFinished,
                           event::RevisionTested, event::BisectStarted, event::GitSaid,
                           event::Answered, event::Ended>;

// Called one at a time; a Stage of runs side by side may come from another thread than the rest.
using Observer = std::function<void(const Event&)>;

} // namespace harness
