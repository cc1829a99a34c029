#include "harness/bisect/search.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "vmm/base/error.hpp"

namespace harness {
namespace {

// What the runs of a revision that is no use showed, for a message.
std::string why_skipped(const RevisionResult& result) {
  if (!result.build_error.empty())
    return fmt::format("build failed: {}", result.build_error);
  return result.runs.empty() ? "no run" : result.runs.back().title;
}

std::string infra_detail(const RevisionResult& result) {
  return fmt::format("{} could not be tested: {}; run the same command again to go on from here",
                     result.sha, why_skipped(result));
}

// The rule of three: what p can still be when n runs are clean, at 95 %.
std::string not_reproduced_detail(const RevisionResult& result) {
  const unsigned n = result.cleans();
  std::string text = fmt::format("the bug does not reproduce on {}: 0/{} runs crashed (hit "
                                 "probability at most {:.0f} % at 95 % confidence)",
                                 result.sha, n, std::min(100.0, 300.0 / n));
  if (const unsigned others = count(result.runs, RunKind::other); others > 0)
    text += fmt::format("; {} unrelated crashes", others);
  return text + "; raise bisect.runs if it is rare";
}

} // namespace

BisectResult Search::run(const Question& question) {
  result_ = {};
  tested_.clear();
  if (test_start(question) &&
      (question.good.empty() ? walk_releases(question.releases) : test_good(question.good)))
    bisect();
  sum_up();
  return result_;
}

const RevisionResult& Search::test(const std::string& sha, Role role) {
  const auto found = tested_.find(sha);
  if (found != tested_.end() && found->second.verdict != Verdict::infra)
    return found->second;
  return tested_.insert_or_assign(sha, tester_.test(sha, role)).first->second;
}

bool Search::end(EndKind kind, std::string detail) {
  result_.kind = kind;
  result_.detail = std::move(detail);
  return false;
}

bool Search::test_start(const Question& question) {
  bad_.sha = revisions_.resolve(question.bad);
  bad_.name = bad_.sha;
  result_.start = bad_.sha;
  observer_(event::Started{bad_.sha});
  const RevisionResult& result = test(bad_.sha, Role::start);
  switch (result.verdict) {
  case Verdict::bad:
    return true;
  case Verdict::good:
    return end(EndKind::not_reproduced, not_reproduced_detail(result));
  case Verdict::skip:
    return end(EndKind::start_skipped, fmt::format("the start revision {} cannot be tested: {}",
                                                   bad_.sha, why_skipped(result)));
  case Verdict::infra:
    break;
  }
  return end(EndKind::infra, infra_detail(result));
}

bool Search::test_good(const std::string& name) {
  good_ = {name, revisions_.resolve(name)};
  if (good_.sha == bad_.sha)
    throw base::UsageError(
        fmt::format("bisect.good '{}' is the start revision {} itself", name, bad_.sha));
  const RevisionResult& result = test(good_.sha);
  switch (result.verdict) {
  case Verdict::good:
    return true;
  case Verdict::bad:
    return end(EndKind::good_is_bad,
               fmt::format("bisect.good '{}' is bad too: name an older revision, or none, to walk "
                           "the releases",
                           name));
  case Verdict::skip:
    return end(EndKind::good_skipped,
               fmt::format("bisect.good '{}' cannot be tested ({}): name one "
                           "that builds and boots",
                           name, why_skipped(result)));
  case Verdict::infra:
    break;
  }
  return end(EndKind::infra, infra_detail(result));
}

bool Search::walk_releases(const std::string& pattern) {
  std::string oldest_bad;
  unsigned skipped = 0;
  for (const std::string& name : revisions_.releases(bad_.sha, pattern)) {
    const std::string sha = revisions_.resolve(name);
    // A tag on another branch than the oldest bad release says nothing about that release.
    if (sha == bad_.sha || !revisions_.is_ancestor(sha, bad_.sha))
      continue;
    observer_(event::ReleaseChosen{name});
    const RevisionResult& result = test(sha);
    if (result.verdict == Verdict::infra)
      return end(EndKind::infra, infra_detail(result));
    if (result.verdict == Verdict::good) {
      good_ = {name, sha};
      return true;
    }
    if (result.verdict == Verdict::bad) {
      bad_ = {name, sha};
      oldest_bad = name;
    } else {
      ++skipped;
    }
  }
  const std::string hint = "; name a good revision as bisect.good";
  const std::string skips = skipped == 0 ? "" : fmt::format(" ({} others cannot)", skipped);
  if (!oldest_bad.empty())
    return end(EndKind::no_good, fmt::format("the bug is present in the oldest release that can be "
                                             "tested, {}{}{}",
                                             oldest_bad, skips, hint));
  return end(EndKind::no_good,
             skipped > 0
                 ? fmt::format("none of the {} releases before {} can be tested{}", skipped,
                               bad_.sha, hint)
                 : fmt::format("no release (a tag '{}') before {}{}", pattern, bad_.sha, hint));
}

void Search::bisect() {
  GitBisect& git = revisions_.bisect();
  observer_(event::BisectStarted{bad_.name, good_.name});
  BisectStep step = git.start(bad_.sha, good_.sha);
  for (;;) {
    for (const std::string& line : step.lines)
      observer_(event::GitSaid{line});
    if (step.kind != BisectStep::Kind::test)
      break;
    const RevisionResult& result = test(step.sha);
    if (result.verdict == Verdict::infra) {
      end(EndKind::infra, infra_detail(result));
      return;
    }
    observer_(event::Answered{result.verdict, step.sha});
    step = git.answer(result.verdict, step.sha);
  }
  if (step.kind == BisectStep::Kind::found)
    name_culprit(step.sha);
  else if (step.kind == BisectStep::Kind::only_skipped)
    list_candidates(step);
  else
    end(EndKind::fixed_between,
        fmt::format("{} is no ancestor of {}, and their merge base {} is bad: the bug was fixed "
                    "between the merge base and {}; name a good ancestor as bisect.good",
                    good_.name, bad_.name, step.sha, good_.name));
  git.reset();
}

Counts Search::counts(const std::string& sha) const {
  const auto found = tested_.find(sha);
  if (found == tested_.end())
    return {sha, 0, 0};
  return {sha, found->second.hits(), found->second.hits() + found->second.cleans()};
}

void Search::name_culprit(const std::string& sha) {
  result_.kind = EndKind::found;
  result_.culprit = revisions_.commit(sha);
  result_.diffstat = revisions_.diffstat(sha);
  result_.cc = revisions_.recipients(sha);
  result_.at_culprit = counts(sha);
  for (const std::string& parent : revisions_.bisect().parents(sha))
    result_.at_parents.push_back(counts(parent));
}

void Search::list_candidates(const BisectStep& step) {
  for (const std::string& sha : step.candidates)
    result_.candidates.push_back(revisions_.commit(sha));
  end(EndKind::only_skipped,
      fmt::format("the first bad commit is one of {}; the others cannot be tested",
                  step.candidates.size()));
}

void Search::sum_up() {
  result_.revisions = static_cast<unsigned>(tested_.size());
  for (const auto& [sha, result] : tested_) {
    result_.build_seconds += result.build_seconds;
    result_.test_seconds += result.test_seconds();
  }
  const std::string& shown = result_.kind == EndKind::found ? result_.culprit.sha : bad_.sha;
  const auto found = tested_.find(shown);
  if (found == tested_.end())
    return;
  for (const RunResult& run : found->second.runs)
    if (run.kind == RunKind::hit) {
      result_.crash = run.symptom;
      return;
    }
}

} // namespace harness
