#include "harness/bisect/verdict.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "vmm/base/error.hpp"

namespace harness {
namespace {

constexpr std::array<std::pair<Verdict, std::string_view>, 4> verdict_words{{
    {Verdict::bad, "bad"},
    {Verdict::good, "good"},
    {Verdict::skip, "skip"},
    {Verdict::infra, "infra"},
}};

constexpr std::array<std::pair<RunKind, std::string_view>, 6> kind_words{{
    {RunKind::hit, "hit"},
    {RunKind::clean, "clean"},
    {RunKind::other, "other"},
    {RunKind::boot, "boot"},
    {RunKind::untestable, "untestable"},
    {RunKind::infra, "infra"},
}};

bool boots_too_seldom(unsigned failures, unsigned booted) {
  return booted == 0 ? failures >= first_boot_failures : failures > boot_retries;
}

} // namespace

RunRule start_rule(unsigned max_runs) {
  return {.max_runs = max_runs, .hits = 3, .miss = 0, .prove_clean = false};
}

double miss_probability(const HitRate& rate, unsigned n) {
  ASSERT(rate.hits <= rate.runs);
  const double a = rate.hits + 0.5;
  const double b = rate.runs - rate.hits + 0.5;
  double probability = 1;
  for (unsigned i = 0; i < n; ++i)
    probability *= (b + i) / (a + b + i);
  return probability;
}

unsigned count(const std::vector<RunResult>& runs, RunKind kind) {
  return static_cast<unsigned>(std::count_if(
      runs.begin(), runs.end(), [kind](const RunResult& run) { return run.kind == kind; }));
}

bool certain(const std::vector<RunResult>& runs, const HitRate& rate, const RunRule& rule) {
  const unsigned hits = count(runs, RunKind::hit);
  const unsigned cleans = count(runs, RunKind::clean);
  const unsigned others = count(runs, RunKind::other);
  const unsigned counted = hits + cleans + others;
  if (hits >= rule.hits || counted >= rule.max_runs || count(runs, RunKind::untestable) > 0)
    return true;
  if (count(runs, RunKind::infra) > infra_retries ||
      boots_too_seldom(count(runs, RunKind::boot), counted))
    return true;
  if (others >= first_others && others == counted)
    return true;
  return rule.prove_clean && hits == 0 && cleans > 0 && miss_probability(rate, cleans) < rule.miss;
}

unsigned runs_at_once(const std::vector<RunResult>& runs, const HitRate& rate,
                      const RunRule& rule) {
  if (!rule.prove_clean) {
    const unsigned hits = count(runs, RunKind::hit);
    return hits < rule.hits ? rule.hits - hits : 1;
  }
  if (runs.empty() && 2 * rate.hits >= rate.runs)
    return 1;
  std::vector<RunResult> expected = runs;
  unsigned more = 0;
  while (!certain(expected, rate, rule)) {
    expected.push_back({RunKind::clean, {}, 0, {}});
    ++more;
  }
  return std::max(more, 1u);
}

Verdict judge(const std::vector<RunResult>& runs) {
  const unsigned hits = count(runs, RunKind::hit);
  const unsigned cleans = count(runs, RunKind::clean);
  const unsigned others = count(runs, RunKind::other);
  if (hits > 0)
    return Verdict::bad;
  if (count(runs, RunKind::infra) > infra_retries)
    return Verdict::infra;
  if (count(runs, RunKind::untestable) > 0 ||
      boots_too_seldom(count(runs, RunKind::boot), cleans + others))
    return Verdict::skip;
  return cleans > 0 && cleans >= others ? Verdict::good : Verdict::skip;
}

std::string_view verdict_text(Verdict verdict) {
  for (const auto& [value, word] : verdict_words)
    if (value == verdict)
      return word;
  return "infra";
}

Verdict verdict_from(std::string_view text) {
  for (const auto& [value, word] : verdict_words)
    if (word == text)
      return value;
  return Verdict::infra;
}

std::string_view run_kind_text(RunKind kind) {
  for (const auto& [value, word] : kind_words)
    if (value == kind)
      return word;
  return "infra";
}

RunKind run_kind_from(std::string_view text) {
  for (const auto& [value, word] : kind_words)
    if (word == text)
      return value;
  return RunKind::infra;
}

} // namespace harness
