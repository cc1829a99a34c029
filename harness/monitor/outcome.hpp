// How a run ended.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/report/crash.hpp"

namespace harness {

enum class OutcomeKind {
  crash,          // the kernel reported one; reports[0] is it
  hang,           // no crash, but the program or the guest stands still past its deadline
  clean,          // the program ran to its end and the kernel stayed quiet
  boot_failure,   // the agent was never ready
  not_testable,   // a precondition does not hold; detail names it
  infrastructure, // our side failed; detail says how
};

struct StepResult {
  unsigned index = 0;
  unsigned thread = 0;
  long long result = 0;
  int error = 0;
  bool expected = true;
};

// The crashes in a console's log, the one to judge by first: the first that is not suppressed.
std::vector<CrashReport> reports_in(std::string_view console);

// Exactly one of these ends every run.
struct Outcome {
  OutcomeKind kind = OutcomeKind::infrastructure;
  std::string detail;               // one line for people; empty for clean
  std::vector<CrashReport> reports; // kind crash: at least one. boot_failure: what the log holds
  std::string title() const; // what a transcript prints: the crash's title, else the kind's words
  std::string console;       // raw bytes
  // Where the console is the kernel's log from the guest's memory: what came on its port meanwhile,
  // at most 1 MiB; else empty.
  std::string port;
  std::string kernel_release; // "" when the agent never said hello
  std::vector<StepResult> steps;
  double boot_seconds = 0; // start to agent ready; 0 when it never was
  double seconds = 0;      // start to verdict
};

} // namespace harness
