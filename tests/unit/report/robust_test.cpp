// Consoles as they come: interleaved, cut, dirty, endless, and with words of users in them.
#include <algorithm>
#include <filesystem>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "harness/report/crash.hpp"
#include "vmm/base/files.hpp"
#include "vmm/base/text.hpp"

using namespace harness;

namespace {

// The lines of a report of `function`, without prefix.
std::vector<std::string> warning_in(const std::string& function) {
  std::vector<std::string> lines = {"WARNING: CPU: 0 PID: 1 at a/b.c:1 " + function + "+0x1/0x20",
                                    "RIP: 0010:" + function + "+0x1/0x20",
                                    "Call Trace:", " <TASK>"};
  for (int depth = 0; depth < 20; ++depth)
    lines.push_back(fmt::format(" {}_caller_{}+0x1/0x20", function, depth));
  lines.emplace_back(" </TASK>");
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines)
    text += line + "\n";
  return text;
}

std::vector<std::string> golden_logs() {
  std::vector<std::string> logs;
  for (const auto& entry : std::filesystem::directory_iterator(KREPRO_TEST_DATA "/report"))
    if (entry.path().extension() == ".log")
      logs.push_back(base::read_file(entry.path()));
  return logs;
}

// The first report's title; empty where there is none.
std::string first_title(std::string_view log) {
  const auto reports = parse_log(log);
  return reports.empty() ? "" : reports.front().title;
}

} // namespace

TEST_CASE("reports of many CPUs, interleaved line by line, are told apart") {
  std::mt19937 random(5);
  for (int round = 0; round < 20; ++round) {
    std::vector<std::vector<std::string>> left;
    for (const char* function : {"alpha", "beta", "gamma", "delta"})
      left.push_back(warning_in(function));
    const auto whole = left;
    std::string log;
    std::vector<std::size_t> order; // in which they start
    for (;;) {
      std::vector<std::size_t> open;
      for (std::size_t i = 0; i < left.size(); ++i)
        if (!left[i].empty())
          open.push_back(i);
      if (open.empty())
        break;
      const std::size_t i = open[random() % open.size()];
      if (left[i].size() == whole[i].size())
        order.push_back(i);
      log +=
          fmt::format("[    1.000000][{:>6}] {}\n",
                      i % 2 == 0 ? fmt::format("T{}", i) : fmt::format("C{}", i), left[i].front());
      left[i].erase(left[i].begin());
    }
    const auto reports = parse_log(log);
    REQUIRE(reports.size() == whole.size());
    for (std::size_t n = 0; n < order.size(); ++n)
      CHECK(reports[n].text == joined(whole[order[n]]));
  }
}

TEST_CASE("only crashes before a panic are followed by it") {
  const auto reports =
      parse_log("[    1.000000][    T1] WARNING: CPU: 0 PID: 1 at a/b.c:1 f+0x1/0x2\n"
                "[    2.000000][    T2] Kernel panic - not syncing: Fatal exception\n"
                "[    3.000000][    T3] BUG: workqueue lockup - pool cpus=0\n");
  REQUIRE(reports.size() == 3);
  CHECK(reports[0].panicked);
  CHECK(reports[1].panicked);
  CHECK_FALSE(reports[2].panicked);
}

TEST_CASE("a crash is seen when its first line is whole, not before") {
  for (const std::string& log : golden_logs()) {
    CrashScanner scanner;
    bool seen = false;
    for (std::size_t at = 0; at < log.size() && !seen;) {
      const std::size_t end = std::min(log.find('\n', at), log.size() - 1) + 1;
      CHECK_FALSE(scanner.feed(std::string_view(log).substr(at, end - at - 1)));
      seen = scanner.feed(std::string_view(log).substr(end - 1, 1));
      REQUIRE(seen == !parse_log(std::string_view(log).substr(0, end)).empty());
      at = end;
    }
  }
}

TEST_CASE("logs cut anywhere") {
  std::mt19937 random(9);
  std::size_t crashes = 0;
  for (const std::string& log : golden_logs())
    for (int round = 0; round < 20; ++round) {
      const std::size_t from = random() % log.size();
      const std::string cut = log.substr(from, random() % (log.size() - from) + 1);
      const auto reports = parse_log(cut);
      crashes += reports.size();
      CrashScanner scanner;
      scanner.feed(cut);
      CHECK(scanner.feed("\n") == !reports.empty());
      for (const CrashReport& report : reports) {
        CHECK(report.start < report.end);
        CHECK(report.end <= cut.size());
        CHECK_FALSE(report.title.empty());
      }
    }
  CHECK(crashes > 100);
}

TEST_CASE("a title line that is cut is found, and said to be") {
  const auto reports = parse_log("[    1.000000] BUG: KASAN: use-aft");
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].corrupted);
  CHECK(reports[0].end == 34);
}

TEST_CASE("dirt before and in a line") {
  const std::string report = joined(warning_in("f"));
  const std::string title = "WARNING in f";
  REQUIRE(first_title(report) == title);
  const std::string nul(1, '\0');
  for (const std::string& dirt :
       {nul + nul + "[    1.000000] ", std::string("\xff\xfe[    1.000000] "),
        std::string("\r\r[    1.000000] "), std::string("\x1b[0m[    1.000000] "),
        "\n" + std::string(100, '\xc3') + "\n", nul + "\n\n"})
    CHECK(first_title(dirt + report) == title);
  const auto dirty = parse_log(report + " \xff\xc3" + nul + "\x1b[2J\r\n" + report);
  CHECK(dirty.size() == 2);
}

TEST_CASE("a report's offsets are those of its lines in the log") {
  const std::string before(3000, '\n');
  std::string report;
  for (const std::string& line : warning_in("f"))
    report += "[    1.000000] " + line + "\r\n";
  const auto reports = parse_log(before + report + "[    2.000000] systemd[1]: all is well\r\n");
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].start == before.size());
  CHECK(reports[0].end == before.size() + report.size());
}

TEST_CASE("users' words are no crash") {
  for (const char* line :
       {"audit: type=1326 comm=\"BUG: KASAN: use-after-free in f\" exe=\"/x\"",
        "init: DEBUG: KASAN: use-after-free in f+0x1/0x2",
        "process 'WARNING: CPU: 0 PID: 1 at a.c:1 f'", "x_BUG: soft lockup - CPU#0 stuck for 22s!",
        "plist_add corruption", "myOops: 0000 [#1]", "a.general protection fault: 0000 [#1]",
        "/INFO: task a:1 blocked for more than 120 seconds."})
    CHECK(first_title(fmt::format("[    1.000000] {}\n[    1.000001] more\n", line)).empty());
}

TEST_CASE("a word inside of another does not hide the one behind it") {
  CHECK(first_title("[    1.000000] DEBUG: BUG: workqueue lockup - pool cpus=0\n") ==
        "BUG: workqueue lockup");
}

TEST_CASE("of a long line only the beginning is looked at") {
  const std::string start = "BUG: workqueue lockup - pool cpus=0\n";
  const std::string title = "BUG: workqueue lockup";
  const std::string megabytes(8 << 20, 'x');
  CHECK(first_title(std::string(4000, 'x') + " " + start) == title);
  CHECK(first_title(std::string(4096, 'x') + " " + start).empty());
  CHECK(first_title(megabytes + " " + start).empty());
  const auto reports = parse_log(megabytes + " " + start + start + megabytes);
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].start == megabytes.size() + 1 + start.size());
  CHECK(reports[0].title == title);
}

TEST_CASE("a crash is found behind any number of bytes without one") {
  const std::string report = joined(warning_in("f"));
  std::mt19937 random(13);
  for (std::size_t size : {std::size_t{1}, std::size_t{15}, std::size_t{16}, std::size_t{4095},
                           std::size_t{4096}, std::size_t{1 << 20}})
    for (char filling : {'\n', '\0', ' ', '[', 'B'}) {
      const std::string log = std::string(size, filling) + "\n" + report;
      const auto reports = parse_log(log);
      REQUIRE(reports.size() == 1);
      CHECK(reports[0].start == size + 1);
      CrashScanner scanner;
      for (std::string_view left = log; !left.empty();) {
        const std::size_t piece = std::min<std::size_t>(left.size(), 1 + random() % 5000);
        scanner.feed(left.substr(0, piece));
        left.remove_prefix(piece);
      }
      CHECK(scanner.seen());
    }
}

TEST_CASE("reports are at most 100, the first ones") {
  std::string log;
  for (int i = 0; i < 5000; ++i)
    log += fmt::format("[    1.000000][{:>6}] BUG: workqueue lockup - pool cpus=0\n",
                       fmt::format("T{}", i));
  const auto reports = parse_log(log);
  REQUIRE(reports.size() == 100);
  CHECK(reports[99].start == log.find("T99]") - 18);
}
