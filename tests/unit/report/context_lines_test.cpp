#include <random>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "harness/report/context_lines.hpp"

using namespace harness;

namespace {

std::vector<LogLine> lines_of(std::string_view log) {
  std::vector<LogLine> lines;
  for (std::size_t at = 0; at < log.size(); at = lines.back().end)
    lines.push_back(line_at(log, at));
  return lines;
}

} // namespace

TEST_CASE("lines of a context, from any start on, up to any limit") {
  std::mt19937 random(17);
  for (int round = 0; round < 50; ++round) {
    std::string log;
    const int contexts = 1 + static_cast<int>(random() % 6);
    for (int i = 0; i < 200; ++i)
      log += fmt::format("[    1.000000][    T{}] {}\n", random() % static_cast<unsigned>(contexts),
                         i);
    const auto all = lines_of(log);
    ContextLines lines(log);
    for (std::size_t start = random() % 5; start < all.size(); start += 1 + random() % 40) {
      const std::size_t limit = all[start].begin + random() % 3000;
      lines.start_at(all[start]);
      LogLine at = all[start];
      for (std::size_t i = start + 1; i < all.size() && all[i].begin < limit; ++i) {
        if (all[i].context != at.context)
          continue;
        const LogLine* next = lines.after(at, limit);
        REQUIRE(next != nullptr);
        REQUIRE(next->begin == all[i].begin);
        at = *next;
      }
      REQUIRE(lines.after(at, limit) == nullptr);
    }
  }
}

TEST_CASE("a context that has no more lines") {
  const std::string log = "[    1.000000][    T1] a\n[    1.000000][    T2] b\n";
  ContextLines lines(log);
  lines.start_at(line_at(log, 0));
  CHECK(lines.after(line_at(log, 0), log.size()) == nullptr);
  CHECK(lines.after(line_at(log, 0), log.size() + 1000) == nullptr);
}
