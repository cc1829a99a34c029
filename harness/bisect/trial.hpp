// One run of the reproducer: from the monitor's outcome to what the bisection counts.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "harness/bisect/related.hpp"
#include "harness/bisect/verdict.hpp"
#include "harness/job/runner.hpp"
#include "harness/monitor/outcome.hpp"

namespace harness {

struct Trial {
  OutcomeKind kind = OutcomeKind::infrastructure;
  std::string detail;            // one line; empty for clean
  std::vector<Symptom> symptoms; // crashes, in order of appearance; a hang has at least one
  double seconds = 0;
};

// As Runner::decode.
using Decode = std::function<DecodedReport(const CrashReport&)>;

// Suppressed reports are left out. A hang without a report becomes a symptom of type HANG whose
// title is the outcome's detail.
Trial trial_of(const Outcome& outcome, const Decode& decode);

// A hit if one of the symptoms is related to the hunted bug (the first such one is kept), else
// other, clean, boot, untestable or infra.
RunResult classify(const Trial& trial, const Hunted& hunted);

} // namespace harness
