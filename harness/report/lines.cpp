#include "harness/report/lines.hpp"

#include <algorithm>

#include "harness/report/kinds.hpp"

namespace harness {

namespace {

constexpr std::size_t longest_output = 160;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::size_t skip_digits(std::string_view text, std::size_t i) {
  while (i < text.size() && is_digit(text[i]))
    ++i;
  return i;
}

std::size_t skip_spaces(std::string_view text, std::size_t i) {
  while (i < text.size() && text[i] == ' ')
    ++i;
  return i;
}

// The length of "[   12.345678]" at the start of text; 0: none.
std::size_t timestamp_length(std::string_view text) {
  if (text.empty() || text[0] != '[')
    return 0;
  std::size_t seconds = skip_spaces(text, 1);
  std::size_t dot = skip_digits(text, seconds);
  if (dot == seconds || dot >= text.size() || text[dot] != '.')
    return 0;
  std::size_t close = skip_digits(text, dot + 1);
  if (close - dot != 7 || close >= text.size() || text[close] != ']')
    return 0;
  return close + 1;
}

// The length of "[  T123]" or "[    C0]" at the start of text; 0: none.
std::size_t caller_length(std::string_view text) {
  if (text.empty() || text[0] != '[')
    return 0;
  std::size_t i = skip_spaces(text, 1);
  if (i >= text.size() || (text[i] != 'T' && text[i] != 'C'))
    return 0;
  std::size_t close = skip_digits(text, i + 1);
  if (close == i + 1 || close >= text.size() || text[close] != ']')
    return 0;
  return close + 1;
}

std::string_view caller_name(std::string_view caller) {
  std::size_t i = skip_spaces(caller, 1);
  return caller.substr(i, caller.size() - 1 - i);
}

// Past "<6>" and "** 12 printk messages dropped ** ".
std::size_t noise_length(std::string_view text) {
  std::size_t i = 0;
  if (text.starts_with('<')) {
    std::size_t close = skip_digits(text, 1);
    if (close > 1 && close < text.size() && text[close] == '>')
      i = close + 1;
  }
  constexpr std::string_view dropped = " printk messages dropped ** ";
  if (text.substr(i).starts_with("** ")) {
    std::size_t word = skip_digits(text, i + 3);
    if (text.substr(word).starts_with(dropped))
      i = word + dropped.size();
  }
  return i;
}

// A time stamp after what something else wrote without ending its line, a prompt for one: its
// offset, or 0.
std::size_t after_output(std::string_view text) {
  std::size_t at = find_timestamp(text.substr(0, longest_output), 0);
  return at == std::string_view::npos || may_start(text.substr(0, at)) ? 0 : at;
}

} // namespace

bool is_stamped(std::string_view raw) {
  std::string_view text = raw.substr(0, max_line_bytes);
  text.remove_prefix(std::min(text.size(), text.find_first_not_of('\r')));
  text.remove_prefix(noise_length(text));
  return timestamp_length(text) != 0;
}

std::size_t find_timestamp(std::string_view text, std::size_t from) {
  for (std::size_t at = text.find('[', from); at != std::string_view::npos;
       at = text.find('[', at + 1))
    if (timestamp_length(text.substr(at, 32)) != 0)
      return at;
  return std::string_view::npos;
}

LogLine strip_prefix(std::string_view raw) {
  LogLine line;
  std::string_view text = raw.substr(0, max_line_bytes);
  while (!text.empty() && (text.back() == '\r' || text.back() == '\n'))
    text.remove_suffix(1);
  text.remove_prefix(std::min(text.size(), text.find_first_not_of('\r')));
  text.remove_prefix(noise_length(text));
  std::size_t stamp = timestamp_length(text);
  if (stamp == 0 && text.find('[') != std::string_view::npos)
    if (std::size_t output = after_output(text); output != 0) {
      text.remove_prefix(output);
      stamp = timestamp_length(text);
    }
  text.remove_prefix(stamp);
  std::size_t caller = caller_length(text);
  if (caller != 0)
    line.context = caller_name(text.substr(0, caller));
  text.remove_prefix(caller);
  line.stamped = stamp + caller != 0;
  if (line.stamped && text.starts_with(' '))
    text.remove_prefix(1);
  line.text = text;
  return line;
}

LogLine line_at(std::string_view log, std::size_t offset) {
  std::size_t newline = log.find('\n', offset);
  std::size_t end = newline == std::string_view::npos ? log.size() : newline + 1;
  LogLine line = strip_prefix(log.substr(offset, end - offset));
  line.begin = offset;
  line.end = end;
  return line;
}

} // namespace harness
