// Small helpers for text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace base {

// Pieces between separators; an empty text gives one empty piece.
std::vector<std::string> split(std::string_view text, char separator);
// Lines without their newline; a last newline makes no empty line.
std::vector<std::string_view> lines_of(std::string_view text);
std::string_view trim(std::string_view text);
// The candidate with the smallest edit distance, if it is at most a third of the word's length
// (at least 2); empty otherwise.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);
// " (did you mean 'x'?)" or "".
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);
// A shell-like pattern with * ? and [..] over a whole text (fnmatch without flags).
bool matches_glob(const std::string& pattern, const std::string& text);
// Terminal escapes and other control characters replaced, invalid UTF-8 as U+FFFD: safe to print.
std::string printable(std::string_view bytes);
// "1m2.3s", "2.3s", "1h2m3s".
std::string duration_text(double seconds);

} // namespace base
