// Prints the words of the table of crash kinds as a dictionary for libFuzzer: start words, and the
// literal pieces of the rules' patterns.
#include <cctype>
#include <set>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "harness/report/kinds.hpp"

namespace {

constexpr std::size_t shortest = 4; // a shorter piece is soon guessed

void add_pieces(std::set<std::string>& words, std::string_view pattern) {
  std::string piece;
  const auto flush = [&] {
    if (piece.size() >= shortest)
      words.insert(piece);
    piece.clear();
  };
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\') { // a class, or a character that is meant as it is
      if (++i < pattern.size() && std::isalnum(static_cast<unsigned char>(pattern[i])) == 0)
        piece += pattern[i];
      else
        flush();
    } else if (std::string_view("()[]{}*+?.|^$").find(pattern[i]) != std::string_view::npos) {
      flush();
    } else {
      piece += pattern[i];
    }
  }
  flush();
}

} // namespace

int main() {
  std::set<std::string> words = {"Call Trace:\n", "RIP: 0010:", "[    1.000000]", "[    T1] ",
                                 " f+0x1/0x20\n", "[inline]",   "at: ",           "---[ end trace",
                                 "Code: ",        "<4>"};
  for (const harness::CompiledKind& kind : harness::kinds()) {
    words.emplace(kind.kind.start);
    add_pieces(words, kind.kind.unless);
    for (const harness::Rule& rule : kind.kind.rules) {
      add_pieces(words, rule.line);
      add_pieces(words, rule.more);
    }
  }
  for (const std::string& word : words) {
    fmt::print("\"");
    for (const char c : word)
      fmt::print("\\x{:02x}", static_cast<unsigned char>(c));
    fmt::print("\"\n");
  }
  return 0;
}
