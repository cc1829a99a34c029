// tests/data/report/*.log: a header, an empty line, a console log. The header's lines, of which
// only COUNT must be there, say everything about the first crash of the log:
//   TITLE: t  TYPE: t  FRAME: function  ALT: t (repeats)  CORRUPTED: reason  SUPPRESSED: Y
//   PANICKED: Y  EXECUTOR: proc=P, id=N
//   COUNT: crashes in the log  NEXT: t (repeats; the titles of the other crashes)
#include <algorithm>
#include <filesystem>
#include <functional>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "harness/report/crash.hpp"
#include "harness/report/kinds.hpp"
#include "harness/report/lines.hpp"
#include "vmm/base/files.hpp"

namespace {

using harness::CrashReport;

struct Golden {
  std::string name, header, log;
};

Golden read_golden(const std::filesystem::path& path) {
  std::string bytes = base::read_file(path);
  std::size_t empty = bytes.find("\n\n");
  REQUIRE(empty != std::string::npos);
  return {path.filename(), bytes.substr(0, empty + 1), bytes.substr(empty + 2)};
}

std::vector<Golden> all_golden() {
  std::vector<Golden> all;
  for (const auto& entry : std::filesystem::directory_iterator(KREPRO_TEST_DATA "/report"))
    if (entry.path().extension() == ".log")
      all.push_back(read_golden(entry.path()));
  std::sort(all.begin(), all.end(),
            [](const Golden& a, const Golden& b) { return a.name < b.name; });
  return all;
}

// The header that a log with these crashes should have.
std::string header_of(const std::vector<CrashReport>& reports) {
  std::string header;
  const auto add = [&header](std::string_view key, std::string_view value) {
    if (!value.empty())
      header += fmt::format("{}: {}\n", key, value);
  };
  if (!reports.empty()) {
    const CrashReport& first = reports.front();
    add("TITLE", first.title);
    for (const std::string& alt : first.alt_titles)
      add("ALT", alt);
    add("TYPE", first.type);
    add("FRAME", first.frame);
    add("CORRUPTED", first.corrupted_reason);
    add("SUPPRESSED", first.suppressed ? "Y" : "");
    add("PANICKED", first.panicked ? "Y" : "");
    if (first.executor)
      add("EXECUTOR", fmt::format("proc={}, id={}", first.executor->proc, first.executor->id));
  }
  add("COUNT", fmt::format("{}", reports.size()));
  for (std::size_t i = 1; i < reports.size(); ++i)
    add("NEXT", reports[i].title);
  return header;
}

// The log with each of its lines changed.
std::string each_line(const std::string& log, const std::function<std::string(std::string)>& edit) {
  std::istringstream in(log);
  std::string result;
  for (std::string line; std::getline(in, line);)
    result += edit(line) + '\n';
  return result;
}

// Feeds a scanner pieces of at most largest bytes; how many bytes it had when it saw a crash, or
// npos.
std::size_t scan_in_chunks(const std::string& log, std::mt19937& random, std::size_t largest) {
  harness::CrashScanner scanner;
  for (std::size_t at = 0; at < log.size();) {
    std::size_t size = std::min(log.size() - at, 1 + random() % largest);
    scanner.feed(std::string_view(log).substr(at, size));
    at += size;
    if (scanner.seen())
      return at;
  }
  return std::string::npos;
}

bool matches(const RE2& pattern, std::string_view text) {
  return pattern.Match({text.data(), text.size()}, 0, text.size(), RE2::ANCHOR_START, nullptr, 0);
}

// A row of the table: where it stands and what it looks for.
std::string row_name(std::string_view start, const harness::Rule& rule) {
  return fmt::format("\"{}\": {} | {} -> {}", start, rule.line, rule.more, rule.title);
}

// The first row of a kind whose patterns match a report's text makes its title.
std::string deciding_row(const std::string& report) {
  const std::size_t newline = report.find('\n');
  std::string_view line = std::string_view(report).substr(0, newline);
  const std::string_view head = std::string_view(report).substr(newline + 1);
  const auto start = harness::find_start(line);
  if (!start)
    return {};
  line.remove_prefix(start->offset);
  for (const harness::CompiledRule& rule : start->kind->rules)
    if (matches(*rule.line, line) && (!rule.more || matches(*rule.more, head)))
      return row_name(start->kind->kind.start, *rule.rule);
  return {};
}

void add_rows(std::set<std::string>& rows, std::string_view start,
              const std::vector<harness::Rule>& rules) {
  for (const harness::Rule& rule : rules)
    rows.insert(row_name(start, rule));
}

// Whether a report's text, without prefixes and what was before it, is no crash of its own.
bool needs_log(const std::string& report) {
  const auto start = harness::find_start(report.substr(0, report.find('\n')));
  return start && (start->kind->kind.after_boot || start->kind->kind.stamped);
}

} // namespace

TEST_CASE("golden logs give their crashes") {
  auto all = all_golden();
  REQUIRE(all.size() >= 40);
  for (const Golden& golden : all) {
    INFO(golden.name);
    auto reports = harness::parse_log(golden.log);
    CHECK(header_of(reports) == golden.header);
    for (const CrashReport& report : reports) {
      CHECK(report.corrupted == !report.corrupted_reason.empty());
      CHECK(report.start < report.end);
      CHECK(report.end <= golden.log.size());
      if (!report.corrupted)
        CHECK(harness::find_timestamp(report.text, 0) == std::string::npos);
    }
  }
}

TEST_CASE("golden logs are found in any chunks") {
  std::mt19937 random(7);
  for (const Golden& golden : all_golden()) {
    INFO(golden.name);
    auto reports = harness::parse_log(golden.log);
    std::size_t line_end = std::string::npos;
    if (!reports.empty())
      line_end = golden.log.find('\n', reports.front().start) + 1;
    for (std::size_t largest :
         {std::size_t{1}, std::size_t{7}, std::size_t{100}, std::size_t{5000}}) {
      const std::size_t seen = scan_in_chunks(golden.log, random, largest);
      CHECK((seen == std::string::npos) == reports.empty());
      if (!reports.empty()) {
        CHECK(seen >= line_end);
        CHECK(seen < line_end + largest);
      }
    }
  }
}

TEST_CASE("golden logs with carriage returns, levels and prompts") {
  const auto stamped = [](const std::string& line) { return harness::is_stamped(line); };
  for (const Golden& golden : all_golden()) {
    INFO(golden.name);
    const std::string& log = golden.log;
    for (const char* returns : {"\r", "\r\r"})
      CHECK(header_of(harness::parse_log(each_line(
                log, [&](const std::string& line) { return line + returns; }))) == golden.header);
    CHECK(header_of(harness::parse_log(each_line(log, [&](const std::string& line) {
            return stamped(line) ? "<6>" + line : line;
          }))) == golden.header);
    auto reports = harness::parse_log(log);
    std::string prompted = log;
    if (!reports.empty() && log[reports.front().start] == '[')
      prompted.insert(reports.front().start, "guest login: ");
    CHECK(header_of(harness::parse_log(prompted)) == golden.header);
  }
}

TEST_CASE("a report's own text gives the same title again") {
  for (const Golden& golden : all_golden()) {
    INFO(golden.name);
    auto reports = harness::parse_log(golden.log);
    if (reports.empty() || needs_log(reports.front().text))
      continue;
    auto again = harness::parse_log(reports.front().text);
    REQUIRE_FALSE(again.empty());
    CHECK(again.front().title == reports.front().title);
    CHECK(again.front().frame == reports.front().frame);
  }
}

TEST_CASE("each row of the table decides a golden log") {
  std::set<std::string> rows;
  for (const auto& kinds : {harness::fault_kinds(), harness::guest_kinds()})
    for (const harness::Kind& kind : kinds)
      add_rows(rows, kind.start, kind.rules);
  add_rows(rows, "BUG: ", harness::bug_rules());
  add_rows(rows, "WARNING: ", harness::warning_rules());
  add_rows(rows, "INFO:", harness::info_rules());
  add_rows(rows, "INFO:", harness::stray_info_rules());
  std::set<std::string> lock_rows; // these hold for all three labels
  add_rows(lock_rows, "", harness::lock_rules());
  for (const Golden& golden : all_golden())
    for (const CrashReport& report : harness::parse_log(golden.log)) {
      const std::string row = deciding_row(report.text);
      rows.erase(row);
      lock_rows.erase("\"\"" + row.substr(std::min(row.size(), row.find("\": ") + 1)));
    }
  rows.merge(lock_rows);
  for (const std::string& row : rows)
    UNSCOPED_INFO("no golden log for " << row);
  CHECK(rows.empty());
}
