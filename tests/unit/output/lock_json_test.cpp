#include <string>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "harness/output/lock_json.hpp"
#include "tests/unit/report/golden.hpp"

using nlohmann::json;

TEST_CASE("JSON of a lockdep report") {
  auto report = harness::read_lockdep(golden_log("v6.12-lockdep-circular-symbolized"));
  REQUIRE(report);
  json value = to_json(*report);
  CHECK(value["kind"] == "circular");
  CHECK(value["kernel"] == "6.12.9");
  CHECK(value["task"] == json{{"name", "ring"}, {"pid", 318}});
  CHECK(value["wanted"]["name"] == "&ring->queue(io)#3");
  CHECK(value["wanted"]["at"].size() == 2);
  CHECK(value["wanted"]["at"][0] == json{{"function", "ring_enter"},
                                         {"offset", 0},
                                         {"module", ""},
                                         {"file", "drivers/ring/ring.h"},
                                         {"line", 61},
                                         {"inlined", true}});
  CHECK(value["holding"]["address"] == "ffffffff8345a1c8");
  CHECK(value["holding"]["wait"] == "4:4");
  REQUIRE(value["chain"].size() == 3);
  CHECK(value["chain"][0]["number"] == 2);
  CHECK(value["chain"][1]["lock"]["subclass"] == 1);
  CHECK(value["chain"][1]["stacks"][0]["frames"].size() == 6);
  CHECK(value["chain_of"][2] == "ring_list_lock");
  CHECK(value["scenario"][1] == json::array({"", "lock(&ring->open_mutex/1);"}));
  CHECK(value["held"][0]["count"] == 2);
  CHECK(value["held"][0]["locks"].size() == 2);
  CHECK(value["related"] == json::array());
  CHECK(value["rcu"].is_null());
}

TEST_CASE("JSON of lockdep reports without a lock") {
  auto report = harness::read_lockdep(golden_log("v6.1-lockdep-suspicious-rcu"));
  REQUIRE(report);
  json value = to_json(*report);
  CHECK(value["kind"] == "suspicious-rcu");
  CHECK(value["wanted"].is_null());
  CHECK(value["holding"].is_null());
  CHECK(value["rcu"] == json{{"file", "drivers/ring/table.c"},
                             {"line", 88},
                             {"message", "suspicious rcu_dereference_check() usage!"}});
}

TEST_CASE("JSON of a hung task") {
  auto hung = harness::read_hung_task(golden_log("v6.17-hung-task-mutex-owner"));
  REQUIRE(hung);
  json value = to_json(*hung);
  CHECK(value["task"]["pid"] == 415);
  CHECK(value["seconds"] == 30);
  CHECK(value["state"] == "D");
  CHECK(value["blocker"] ==
        json{{"kind", "mutex"}, {"owner", {{"name", "ring:scan"}, {"pid", 414}}}});
  CHECK(value["waits_in"] == "__mutex_lock");
  CHECK(value["waits_for"]["name"] == "&ring->open_mutex");
  REQUIRE(value["holders"].size() == 1);
  CHECK(value["holders"][0]["evidence"] == "named");
  CHECK(value["holders"][0]["same_instance"] == true);
  CHECK(value["holders"][0]["deadlock"] == false);
  CHECK(value["holders"][0]["state"] == "S");
  CHECK(value["holders"][0]["stack"].size() == 9);
  CHECK(value["waiters"] == json::array());

  auto flush = harness::read_hung_task(golden_log("v6.6-hung-task-flush"));
  REQUIRE(flush);
  json other = to_json(*flush);
  CHECK(other["blocker"].is_null());
  CHECK(other["waits_for"].is_null());
  CHECK(other["holders"] == json::array());
  CHECK(other["stale"] == json::array());
  CHECK(other["workqueue"] == "events_unbound ring_drain_work");
}
