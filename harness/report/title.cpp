#include "harness/report/title.hpp"

#include <algorithm>

#include <re2/re2.h>

namespace harness {

namespace {

constexpr std::size_t max_title = 120;

} // namespace

std::string normal_title(std::string_view title) {
  struct Replacement {
    RE2 pattern;
    const char* by;
  };
  static const RE2::Options options(RE2::Latin1);
  static const Replacement replacements[] = {
      {RE2("\\b0x[0-9a-fA-F]+", options), "ADDR"},
      {RE2("\\b[0-9a-f]{8}(?:[0-9a-f]{8})?\\b", options), "ADDR"},
      {RE2("\\+ADDR/ADDR", options), ""},
      {RE2("(\\.[chS]):[0-9]+", options), "\\1:LINE"},
      {RE2("\\bCPU#?[0-9]+", options), "CPU"},
      {RE2("(^|[\\s=:,;/()\\[<#-])[0-9]+\\b", options), "\\1NUM"},
  };
  std::string result;
  for (char c : title)
    if (static_cast<unsigned char>(c) >= ' ' && static_cast<unsigned char>(c) < 0x7f)
      result += c;
  for (const Replacement& replacement : replacements)
    RE2::GlobalReplace(&result, replacement.pattern, replacement.by);
  result.resize(std::min(result.size(), max_title));
  while (!result.empty() && result.back() == ' ')
    result.pop_back();
  return result;
}

std::string fill(std::string_view form, const std::vector<std::string_view>& groups,
                 std::string_view function) {
  std::string result;
  for (std::size_t i = 0; i < form.size(); ++i) {
    if (form[i] != '$' || i + 1 == form.size()) {
      result += form[i];
      continue;
    }
    char which = form[++i];
    if (which == 'F' || which == 'O')
      result += function;
    else if (auto index = static_cast<std::size_t>(which - '1'); index < groups.size())
      result += groups[index];
  }
  return result;
}

} // namespace harness
