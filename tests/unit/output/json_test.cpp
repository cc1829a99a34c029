#include <catch2/catch.hpp>

#include <nlohmann/json.hpp>

#include "harness/output/json.hpp"

using namespace harness;
using nlohmann::json;

TEST_CASE("a run as JSON, whatever bytes the console had") {
  Outcome outcome;
  outcome.kind = OutcomeKind::crash;
  outcome.kernel_release = "6.1.0";
  outcome.seconds = 4.5;
  CrashReport report;
  report.title = "WARNING in f";
  report.frame = "f";
  report.text = "bad \xff byte";
  outcome.reports = {report};
  outcome.steps.push_back({3, 0, -1, 22, false});
  const json value = json::parse(json_text(run_json(outcome, "/state/runs/1")));
  CHECK(value["outcome"] == "crash");
  CHECK(value["kernel"] == "6.1.0");
  CHECK(value["folder"] == "/state/runs/1");
  CHECK(value["crashes"].size() == 1);
  CHECK(value["crashes"][0]["title"] == "WARNING in f");
  CHECK(value["crashes"][0]["report"] == "bad \xef\xbf\xbd byte");
  CHECK(value["steps"][0] ==
        json{{"index", 3}, {"thread", 0}, {"result", -1}, {"error", 22}, {"expected", false}});
}

TEST_CASE("a bisection as JSON") {
  BisectResult result;
  result.kind = EndKind::not_reproduced;
  result.detail = "no";
  json value = json::parse(json_text(bisect_json(result)));
  CHECK(value["end"] == "not reproduced");
  CHECK(value["first_bad_commit"].is_null());
  CHECK(value["crash"].is_null());
  result.kind = EndKind::found;
  result.culprit = {"aaaa", "subject", "author", "date", "message"};
  result.at_culprit = {"aaaa", 3, 3};
  result.at_parents = {{"bbbb", 0, 5}};
  result.crash.title = "T";
  result.cc = {"a@example.org"};
  value = json::parse(json_text(bisect_json(result)));
  CHECK(value["first_bad_commit"]["sha"] == "aaaa");
  CHECK(value["first_bad_commit"]["hits"] == 3);
  CHECK(value["parents"][0] == json{{"sha", "bbbb"}, {"runs", 5}, {"hits", 0}});
  CHECK(value["crash"]["title"] == "T");
  CHECK(value["cc"] == json::array({"a@example.org"}));
}
