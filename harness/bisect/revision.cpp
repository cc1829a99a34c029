#include "harness/bisect/revision.hpp"

#include <array>
#include <utility>

namespace harness {
namespace {

constexpr std::array<std::pair<EndKind, std::string_view>, 9> end_words{{
    {EndKind::found, "found"},
    {EndKind::only_skipped, "only skipped left"},
    {EndKind::not_reproduced, "not reproduced"},
    {EndKind::start_skipped, "start not testable"},
    {EndKind::no_good, "no good release"},
    {EndKind::good_is_bad, "good is bad"},
    {EndKind::good_skipped, "good not testable"},
    {EndKind::fixed_between, "fixed between"},
    {EndKind::infra, "infrastructure"},
}};

} // namespace

double RevisionResult::test_seconds() const {
  double sum = 0;
  for (const RunResult& run : runs)
    sum += run.seconds;
  return sum;
}

std::string_view end_text(EndKind kind) {
  for (const auto& [value, word] : end_words)
    if (value == kind)
      return word;
  return "infrastructure";
}

EndKind end_from(std::string_view text) {
  for (const auto& [value, word] : end_words)
    if (word == text)
      return value;
  return EndKind::infra;
}

int exit_code(EndKind kind) {
  if (kind == EndKind::found)
    return 0;
  return kind == EndKind::infra ? 131 : 125;
}

} // namespace harness
