#include "harness/output/json.hpp"

#include <nlohmann/json.hpp>

namespace harness {
namespace {

using nlohmann::json;

std::string outcome_word(OutcomeKind kind) {
  switch (kind) {
  case OutcomeKind::crash:
    return "crash";
  case OutcomeKind::hang:
    return "hang";
  case OutcomeKind::clean:
    return "clean";
  case OutcomeKind::boot_failure:
    return "boot failure";
  case OutcomeKind::not_testable:
    return "not testable";
  case OutcomeKind::infrastructure:
    return "infrastructure";
  }
  return "infrastructure";
}

json counts_json(const Counts& counts) {
  return {{"sha", counts.sha}, {"runs", counts.runs}, {"hits", counts.hits}};
}

json culprit_json(const BisectResult& result) {
  if (result.culprit.sha.empty())
    return nullptr;
  json culprit = counts_json(result.at_culprit);
  culprit["sha"] = result.culprit.sha;
  culprit["subject"] = result.culprit.subject;
  culprit["author"] = result.culprit.author;
  culprit["date"] = result.culprit.date;
  culprit["message"] = result.culprit.message;
  return culprit;
}

} // namespace

json run_json(const Outcome& outcome, const std::filesystem::path& folder) {
  json crashes = json::array();
  for (const CrashReport& report : outcome.reports)
    crashes.push_back({{"title", report.title},
                       {"type", report.type},
                       {"function", report.frame},
                       {"corrupted", report.corrupted},
                       {"report", report.text}});
  json steps = json::array();
  for (const StepResult& step : outcome.steps)
    steps.push_back({{"index", step.index},
                     {"thread", step.thread},
                     {"result", step.result},
                     {"error", step.error},
                     {"expected", step.expected}});
  return {{"outcome", outcome_word(outcome.kind)}, {"detail", outcome.detail},
          {"kernel", outcome.kernel_release},      {"seconds", outcome.seconds},
          {"boot_seconds", outcome.boot_seconds},  {"folder", folder.string()},
          {"crashes", std::move(crashes)},         {"steps", std::move(steps)}};
}

json bisect_json(const BisectResult& result) {
  json parents = json::array();
  for (const Counts& parent : result.at_parents)
    parents.push_back(counts_json(parent));
  json candidates = json::array();
  for (const Commit& candidate : result.candidates)
    candidates.push_back(candidate.sha);
  json crash = nullptr;
  if (!result.crash.title.empty())
    crash = {{"title", result.crash.title},
             {"type", result.crash.type},
             {"function", result.crash.frame},
             {"report", result.crash.text}};
  return {{"end", end_text(result.kind)},
          {"detail", result.detail},
          {"start", result.start},
          {"first_bad_commit", culprit_json(result)},
          {"parents", std::move(parents)},
          {"candidates", std::move(candidates)},
          {"cc", result.cc},
          {"crash", std::move(crash)},
          {"revisions", result.revisions},
          {"seconds", result.seconds},
          {"build_seconds", result.build_seconds},
          {"test_seconds", result.test_seconds}};
}

std::string json_text(const json& value) {
  return value.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

std::string json_line(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

} // namespace harness
