// Measures the parser on a folder of logs with known answers, named by KREPRO_REPORT_CORPUS. Its
// README tells the format. Without the variable the CTest test report_corpus is skipped.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "harness/report/crash.hpp"
#include "vmm/base/files.hpp"

namespace {

// What the parser reaches today; it may only rise.
constexpr int title_floor = 98; // per cent
constexpr int whole_floor = 98;
constexpr int false_crashes_allowed = 0;

struct Case {
  std::string name;
  std::string title;
  std::vector<std::string> alts;
  std::string type;
  std::string frame; // empty: not compared
  bool corrupted = false;
  bool suppressed = false;
  bool panicked = false;
  std::string executor; // "proc=P, id=N"; empty: none
  std::string log;
};

void read_header(Case& c, const std::string& line) {
  auto value = [&](const char* key) {
    std::string start = std::string(key) + ": ";
    return line.rfind(start, 0) == 0 ? line.substr(start.size()) : std::string();
  };
  if (auto v = value("TITLE"); !v.empty())
    c.title = v;
  if (auto v = value("ALT"); !v.empty())
    c.alts.push_back(v);
  if (auto v = value("TYPE"); !v.empty())
    c.type = v;
  if (auto v = value("FRAME"); !v.empty())
    c.frame = v;
  if (auto v = value("EXECUTOR"); !v.empty())
    c.executor = v;
  c.corrupted = c.corrupted || value("CORRUPTED") == "Y";
  c.suppressed = c.suppressed || value("SUPPRESSED") == "Y";
  c.panicked = c.panicked || value("PANICKED") == "Y";
}

Case read_case(const std::filesystem::path& path) {
  std::string bytes = base::read_file(path);
  bytes.erase(std::remove(bytes.begin(), bytes.end(), '\r'), bytes.end());
  Case c;
  c.name = path.filename();
  std::istringstream in(bytes);
  std::string line;
  while (std::getline(in, line) && !line.empty())
    read_header(c, line);
  bool empty = false;
  while (std::getline(in, line) && !(empty && line == "REPORT:")) {
    empty = line.empty();
    c.log += line + "\n";
  }
  std::sort(c.alts.begin(), c.alts.end());
  return c;
}

struct Score {
  int cases = 0, titles = 0, whole = 0, crashless = 0, false_crashes = 0;
};

std::string executor_of(const harness::CrashReport& report) {
  if (!report.executor)
    return {};
  return fmt::format("proc={}, id={}", report.executor->proc, report.executor->id);
}

// The fields that differ, with what is wanted and what came.
std::string differences(const Case& c, const harness::CrashReport& got) {
  std::string all;
  const auto compare = [&all](std::string_view field, const auto& want, const auto& came) {
    if (want != came)
      all += fmt::format("  {}: want {} got {}\n", field, want, came);
  };
  compare("title", c.title, got.title);
  compare("alt", fmt::format("{}", fmt::join(c.alts, " | ")),
          fmt::format("{}", fmt::join(got.alt_titles, " | ")));
  compare("type", c.type, got.type);
  compare("corrupted", c.corrupted, got.corrupted);
  compare("suppressed", c.suppressed, got.suppressed);
  compare("panicked", c.panicked, got.panicked);
  compare("executor", c.executor, executor_of(got));
  if (!c.frame.empty())
    compare("frame", c.frame, got.frame);
  return all;
}

void judge(const Case& c, Score& score) {
  auto reports = harness::parse_log(c.log);
  harness::CrashReport none;
  const harness::CrashReport& got = reports.empty() ? none : reports.front();
  ++score.cases;
  score.crashless += c.title.empty();
  score.false_crashes += c.title.empty() && !reports.empty();
  const std::string wrong = differences(c, got);
  score.titles += got.title == c.title;
  score.whole += wrong.empty();
  if (!wrong.empty() && std::getenv("KREPRO_REPORT_CORPUS_VERBOSE"))
    fmt::print("{}{} (corrupted: {})\n{}", got.title == c.title ? "fields " : "TITLE ", c.name,
               got.corrupted_reason, wrong);
}

} // namespace

TEST_CASE("corpus of logs with known answers", "[.corpus]") {
  const char* folder = std::getenv("KREPRO_REPORT_CORPUS");
  if (!folder) {
    WARN("KREPRO_REPORT_CORPUS is not set: the corpus was not measured");
    return;
  }
  Score score;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    judge(read_case(entry.path()), score);
  fmt::print("corpus: {} cases, {} titles exact ({:.1f} %), {} with all fields exact "
             "({:.1f} %), {} false crashes in {} logs without one\n",
             score.cases, score.titles, 100.0 * score.titles / std::max(score.cases, 1),
             score.whole, 100.0 * score.whole / std::max(score.cases, 1), score.false_crashes,
             score.crashless);
  REQUIRE(score.cases > 0);
  CHECK(score.titles * 100 >= title_floor * score.cases);
  CHECK(score.whole * 100 >= whole_floor * score.cases);
  CHECK(score.false_crashes <= false_crashes_allowed);
}
