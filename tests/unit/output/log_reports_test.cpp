#include <algorithm>
#include <string>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "harness/output/json.hpp"
#include "harness/output/log_reports.hpp"
#include "tests/unit/report/golden.hpp"

using namespace harness;
using nlohmann::json;

namespace {

LoggedCrash example() {
  LoggedCrash crash;
  CrashReport& report = crash.report;
  report.title = "WARNING in f";
  report.alt_titles = {"bad-access in f"};
  report.type = "WARNING";
  report.frame = "f";
  report.start = 5;
  report.end = 90;
  report.text = "raw\n";
  crash.explained.text = "bad \xff byte \x1b[31m <TASK> & \"x\"\n";
  return crash;
}

} // namespace

TEST_CASE("a log's reports as JSON, whatever bytes it had") {
  LoggedCrash crash = example();
  crash.report.executor = ExecutorInfo{3, 77};
  crash.explained.disassembly = "nop\n";
  crash.explained.files = {"a/b.c"};
  crash.explained.maintainers = {"A <a@b>"};
  crash.explained.warnings = {"other release"};
  const std::string line = json_line(log_json({"a\xff.log", {crash}}));
  CHECK(std::count(line.begin(), line.end(), '\n') == 1);
  CHECK(line.back() == '\n');
  const json value = json::parse(line);
  CHECK(value["schema"] == 1);
  CHECK(value["file"] == "a\xef\xbf\xbd.log");
  REQUIRE(value["reports"].size() == 1);
  CHECK(value["reports"][0] == json{{"title", "WARNING in f"},
                                    {"alt_titles", {"bad-access in f"}},
                                    {"type", "WARNING"},
                                    {"frame", "f"},
                                    {"corrupted", false},
                                    {"corrupted_reason", nullptr},
                                    {"suppressed", false},
                                    {"panicked", false},
                                    {"executor", {{"proc", 3}, {"id", 77}}},
                                    {"start", 5},
                                    {"end", 90},
                                    {"report", "bad \xef\xbf\xbd byte \x1b[31m <TASK> & \"x\"\n"},
                                    {"disassembly", "nop\n"},
                                    {"files", {"a/b.c"}},
                                    {"maintainers", {"A <a@b>"}},
                                    {"warnings", {"other release"}},
                                    {"lockdep", nullptr},
                                    {"hung_task", nullptr}});
}

TEST_CASE("a lock report is told as data and in words, its report below them") {
  const Decoder decoder{SymbolSources{}};
  const LogReports log = reports_of("x", golden_log("v6.1-lockdep-recursive-captured"), decoder);
  const json value = log_json(log)["reports"][0];
  CHECK(value["lockdep"]["kind"] == "recursive");
  CHECK(value["lockdep"]["wanted"]["name"] == "&vq->mutex");
  CHECK(value["hung_task"].is_null());
  CHECK(log_text(log).find("init/34 wants &vq->mutex at ") != std::string::npos);
  CHECK(html_section(log).find("init/34 wants &amp;vq-&gt;mutex at ") != std::string::npos);
}

TEST_CASE("what a report lacks is null, what a log lacks an empty list") {
  const json empty = log_json({"-", {LoggedCrash{}}})["reports"][0];
  for (const char* key :
       {"type", "frame", "corrupted_reason", "executor", "disassembly", "lockdep", "hung_task"})
    CHECK(empty[key].is_null());
  CHECK(empty["alt_titles"] == json::array());
  CHECK(log_json({"-", {}})["reports"] == json::array());
}

TEST_CASE("the crash to judge by comes first") {
  const Decoder decoder{SymbolSources{}};
  const LogReports log = reports_of("x", "WARNING: CPU: 0 PID: 1 at a/b.c:1 f+0x1/0x2\n", decoder);
  REQUIRE(log.crashes.size() == 1);
  CHECK(log.crashed());
  CHECK(log.crashes[0].explained.text == log.crashes[0].report.text);
  CHECK_FALSE(reports_of("x", "all is well\n", decoder).crashed());
  LoggedCrash suppressed = example();
  suppressed.report.suppressed = true;
  CHECK_FALSE(LogReports{"x", {suppressed}}.crashed());
  CHECK(LogReports{"x", {example(), suppressed}}.crashed());
}

TEST_CASE("text for a terminal holds no escape sequence") {
  LoggedCrash crash = example();
  crash.report.corrupted = true;
  crash.report.corrupted_reason = "no call trace in the report";
  crash.explained.maintainers = {"A <a@b>"};
  crash.explained.warnings = {"other \x1b[1mrelease"};
  crash.explained.disassembly = "nop\n";
  const std::string text = log_text({"a\x1b[2J.log", {crash}});
  CHECK(text == "a?[2J.log: WARNING in f\ntype: WARNING\nfunction: f\nalso: bad-access in f\n"
                "corrupted: no call trace in the report\nbytes: 5 to 90\n"
                "maintainer: A <a@b>\nwarning: other ?[1mrelease\n\n"
                "bad \xef\xbf\xbd byte ?[31m <TASK> & \"x\"\n\nnop\n\n");
  CHECK(log_text({"-", {}}) == "(standard input): no crash found\n");
}

TEST_CASE("a page escapes all that comes from a log") {
  LoggedCrash crash = example();
  crash.report.title = "<script>alert('1')</script>";
  crash.report.alt_titles = {"<b>"};
  const std::string html = html_section({"<i>.log", {crash}});
  CHECK(html.find("<script") == std::string::npos);
  CHECK(html.find("<i>") == std::string::npos);
  CHECK(html.find("<b>") == std::string::npos);
  CHECK(html.find('\x1b') == std::string::npos);
  CHECK(html.find("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;") != std::string::npos);
  CHECK(html.find("&lt;TASK&gt; &amp; &quot;x&quot;") != std::string::npos);
  CHECK(html_head().find("<meta charset=\"utf-8\">") != std::string::npos);
  CHECK(html_section({"a", {}}).find("no crash found") != std::string::npos);
}
