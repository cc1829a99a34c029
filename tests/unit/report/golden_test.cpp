// tests/data/report/*.log: a header (TITLE:, TYPE:, COUNT:), an empty line, a console log.
#include <algorithm>
#include <filesystem>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "harness/report/crash.hpp"
#include "vmm/base/files.hpp"

namespace {

struct Golden {
  std::string name, title, type, log;
  std::size_t count = 0;
};

Golden read_golden(const std::filesystem::path& path) {
  Golden golden;
  golden.name = path.filename();
  std::string bytes = base::read_file(path);
  std::size_t empty = bytes.find("\n\n");
  std::istringstream header(bytes.substr(0, empty + 1));
  golden.log = bytes.substr(empty + 2);
  for (std::string line; std::getline(header, line);) {
    if (line.rfind("TITLE: ", 0) == 0)
      golden.title = line.substr(7);
    if (line.rfind("TYPE: ", 0) == 0)
      golden.type = line.substr(6);
    if (line.rfind("COUNT: ", 0) == 0)
      golden.count = std::stoul(line.substr(7));
  }
  return golden;
}

std::vector<Golden> all_golden() {
  std::vector<Golden> all;
  for (const auto& entry : std::filesystem::directory_iterator(KREPRO_TEST_DATA "/report"))
    if (entry.path().extension() == ".log")
      all.push_back(read_golden(entry.path()));
  return all;
}

bool scan_in_chunks(const std::string& log, std::mt19937& random, std::size_t largest) {
  harness::CrashScanner scanner;
  for (std::size_t at = 0; at < log.size();) {
    std::size_t size = std::min(log.size() - at, 1 + random() % largest);
    scanner.feed(std::string_view(log).substr(at, size));
    at += size;
  }
  return scanner.seen();
}

} // namespace

TEST_CASE("golden logs give their titles") {
  auto all = all_golden();
  REQUIRE(all.size() >= 40);
  for (const Golden& golden : all) {
    INFO(golden.name);
    auto reports = harness::parse_log(golden.log);
    CHECK(reports.size() == golden.count);
    if (reports.empty() || golden.count == 0)
      continue;
    const harness::CrashReport& first = reports.front();
    CHECK(first.title == golden.title);
    CHECK(first.type == golden.type);
    CHECK(first.corrupted_reason.empty());
    CHECK_FALSE(first.corrupted);
    CHECK(first.start < first.end);
    CHECK(first.end <= golden.log.size());
    CHECK(first.text.find("] [") == std::string::npos);
  }
}

TEST_CASE("golden logs are found in any chunks") {
  std::mt19937 random(7);
  for (const Golden& golden : all_golden())
    for (std::size_t largest :
         {std::size_t{1}, std::size_t{7}, std::size_t{100}, std::size_t{5000}}) {
      INFO(golden.name);
      CHECK(scan_in_chunks(golden.log, random, largest) == (golden.count != 0));
    }
}

TEST_CASE("golden logs with carriage returns") {
  for (const Golden& golden : all_golden()) {
    INFO(golden.name);
    std::string returns;
    for (char c : golden.log)
      returns += c == '\n' ? std::string("\r\r\n") : std::string(1, c);
    auto reports = harness::parse_log(returns);
    CHECK(reports.size() == golden.count);
    if (!reports.empty() && golden.count != 0)
      CHECK(reports.front().title == golden.title);
  }
}

TEST_CASE("a report's own text gives the same title again") {
  for (const Golden& golden : all_golden()) {
    INFO(golden.name);
    auto reports = harness::parse_log(golden.log);
    if (reports.empty())
      continue;
    auto again = harness::parse_log(reports.front().text);
    REQUIRE_FALSE(again.empty());
    CHECK(again.front().title == golden.title);
    CHECK(again.front().frame == reports.front().frame);
  }
}
