#include "harness/bisect/trial.hpp"

#include <fmt/format.h>

namespace harness {
namespace {

RunKind kind_of(OutcomeKind kind) {
  switch (kind) {
  case OutcomeKind::crash:
  case OutcomeKind::hang:
    return RunKind::other;
  case OutcomeKind::clean:
    return RunKind::clean;
  case OutcomeKind::boot_failure:
    return RunKind::boot;
  case OutcomeKind::not_testable:
    return RunKind::untestable;
  case OutcomeKind::infrastructure:
    return RunKind::infra;
  }
  return RunKind::infra;
}

std::string words_of(const Trial& trial) {
  switch (trial.kind) {
  case OutcomeKind::crash:
    return fmt::format("crashed: {}", trial.detail);
  case OutcomeKind::hang:
    return fmt::format("hung: {}", trial.detail);
  case OutcomeKind::clean:
    return "OK";
  case OutcomeKind::boot_failure:
    return fmt::format("boot failed: {}",
                       trial.symptoms.empty() ? trial.detail : trial.symptoms.front().title);
  case OutcomeKind::not_testable:
    return fmt::format("not testable: {}", trial.detail);
  case OutcomeKind::infrastructure:
    return fmt::format("infrastructure: {}", trial.detail);
  }
  return trial.detail;
}

// A hang's own symptom has no report; one with a report is told as a crash.
std::string crash_words(const Symptom& symptom) {
  const bool bare_hang = symptom.text.empty() && symptom.frame.empty() && stands_still(symptom);
  return fmt::format("{}: {}", bare_hang ? "hung" : "crashed", symptom.title);
}

} // namespace

Trial trial_of(const Outcome& outcome, const Decode& decode) {
  Trial trial{
      .kind = outcome.kind, .detail = outcome.detail, .symptoms = {}, .seconds = outcome.seconds};
  for (const CrashReport& report : outcome.reports) {
    if (report.suppressed)
      continue;
    DecodedReport decoded = decode(report);
    trial.symptoms.push_back({report.title, report.alt_titles, report.type, report.frame,
                              std::move(decoded.files), std::move(decoded.text)});
  }
  if (outcome.kind == OutcomeKind::hang && trial.symptoms.empty())
    trial.symptoms.push_back({outcome.detail, {}, "HANG", "", {}, ""});
  return trial;
}

RunResult classify(const Trial& trial, const Hunted& hunted) {
  RunResult run{.kind = kind_of(trial.kind),
                .title = words_of(trial),
                .seconds = trial.seconds,
                .symptom = {}};
  if (run.kind != RunKind::other || trial.symptoms.empty())
    return run;
  for (const Symptom& symptom : trial.symptoms)
    if (hunted.relation_of(symptom) != Relation::none) {
      run.kind = RunKind::hit;
      run.symptom = symptom;
      run.title = crash_words(symptom);
      return run;
    }
  run.symptom = trial.symptoms.front();
  run.title = crash_words(run.symptom) + " (unrelated)";
  return run;
}

} // namespace harness
