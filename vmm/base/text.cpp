#include "vmm/base/text.hpp"

#include <algorithm>
#include <cmath>
#include <fnmatch.h>
#include <numeric>

#include <fmt/format.h>

namespace base {

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> pieces;
  for (;;) {
    const std::size_t at = text.find(separator);
    pieces.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos)
      return pieces;
    text.remove_prefix(at + 1);
  }
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t at = text.find('\n');
    lines.push_back(text.substr(0, at));
    if (at == std::string_view::npos)
      break;
    text.remove_prefix(at + 1);
  }
  return lines;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view blank = " \t\r\n";
  const std::size_t first = text.find_first_not_of(blank);
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

namespace {

// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i)
    cost[i][0] = i;
  std::iota(cost[0].begin(), cost[0].end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i)
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, replace});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  return cost[a.size()][b.size()];
}

// Length of the UTF-8 sequence at the start of bytes, 0 if it is not a valid one.
std::size_t utf8_length(std::string_view bytes) {
  const auto lead = static_cast<unsigned char>(bytes[0]);
  const std::size_t size = lead < 0x80   ? 1
                           : lead < 0xc2 ? 0
                           : lead < 0xe0 ? 2
                           : lead < 0xf0 ? 3
                           : lead < 0xf5 ? 4
                                         : 0;
  if (size == 0 || size > bytes.size())
    return 0;
  for (std::size_t i = 1; i < size; ++i)
    if ((static_cast<unsigned char>(bytes[i]) & 0xc0) != 0x80)
      return 0;
  const auto second = size > 1 ? static_cast<unsigned char>(bytes[1]) : 0u;
  const bool overlong_or_surrogate =
      (lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ||
      (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f);
  return overlong_or_surrogate ? 0 : size;
}

// U+0080 to U+009F: control characters too, CSI among them.
bool is_c1(std::string_view bytes, std::size_t size) {
  return size == 2 && bytes[0] == '\xc2' && static_cast<unsigned char>(bytes[1]) < 0xa0;
}

} // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::size_t best = std::max<std::size_t>(2, word.size() / 3) + 1;
  std::string found;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best && distance < candidate.size()) {
      best = distance;
      found = candidate;
    }
  }
  return found;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string found = nearest(word, candidates);
  return found.empty() ? "" : fmt::format(" (did you mean '{}'?)", found);
}

bool matches_glob(const std::string& pattern, const std::string& text) {
  return ::fnmatch(pattern.c_str(), text.c_str(), 0) == 0;
}

std::string printable(std::string_view bytes) {
  std::string safe;
  while (!bytes.empty()) {
    const std::size_t size = utf8_length(bytes);
    const auto first = static_cast<unsigned char>(bytes[0]);
    if (size == 1 && first != '\n' && first != '\t' && (first < 0x20 || first == 0x7f)) {
      safe += first == '\r' ? "" : "?";
    } else if (size == 0 || is_c1(bytes, size)) {
      safe += "\xef\xbf\xbd";
    } else {
      safe += bytes.substr(0, size);
    }
    bytes.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return safe;
}

std::string duration_text(double seconds) {
  // git and make round down to what they print; tenths are enough below a minute.
  const auto tenths = static_cast<long long>(std::llround(seconds * 10));
  const long long minutes = tenths / 600;
  const double rest = static_cast<double>(tenths % 600) / 10;
  if (minutes == 0)
    return fmt::format("{:.1f}s", rest);
  if (minutes < 60)
    return fmt::format("{}m{:.1f}s", minutes, rest);
  return fmt::format("{}h{}m{:.1f}s", minutes / 60, minutes % 60, rest);
}

} // namespace base
