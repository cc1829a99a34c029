#include <catch2/catch.hpp>

#include "oracle.hpp"

using namespace harness;
using test::Bench;
using test::Repo;

namespace {

const Symptom first = test::symptom("possible deadlock in vhost_process_iotlb_msg");
// Related to the first title only through the second one, seen later in time.
const Symptom second = test::symptom("possible deadlock in vhost_chr_write_iter");
const Symptom alien = test::symptom("WARNING in ext4_sync", "fs/ext4/fsync.c", "WARNING");

void make_story(Repo& repo) {
  repo.add_line(8);
  repo.tag("v1.0", "c0");
  repo.tag("v1.1", "c7");
  repo.add("side", {"c5"});
  repo.add("merge", {"c7", "side"});
  repo.write();
}

// Flaky, with a commit that does not build, one that does not boot, one with another crash.
void tell_story(Bench& bench) {
  bench.lab.bad_from("c3", first, 0.7, 5);
  bench.lab.bad_from("c6", second, 0.7, 5);
  bench.lab.does_not_build = {"c1"};
  bench.lab.behaviour["c2"] = [](unsigned index) {
    return index == 1 ? test::crash(alien) : test::quiet();
  };
}

void stop_half_way(Bench& bench) {
  bench.lab.stop_after = 14;
  REQUIRE_THROWS_AS(bench.run(), test::Stop);
  bench.lab.stop_after = -1;
  bench.events.clear();
}

struct Ending {
  EndKind kind;
  std::string culprit;
  std::map<std::string, Verdict> verdicts;
  unsigned runs;
  bool operator==(const Ending& other) const {
    return kind == other.kind && culprit == other.culprit && verdicts == other.verdicts &&
           runs == other.runs;
  }
};

} // namespace

TEST_CASE("stopped at any point, a bisection ends as the uninterrupted one") {
  Repo repo;
  make_story(repo);
  Bench whole(repo);
  tell_story(whole);
  const BisectResult expected = whole.run();
  REQUIRE(expected.kind == EndKind::found);
  REQUIRE(repo.name(expected.culprit.sha) == "c3");
  const Ending expected_end{expected.kind, expected.culprit.sha, whole.verdicts(), whole.lab.runs};
  const int actions = static_cast<int>(whole.lab.asked.size());
  for (int point = 0; point < actions; ++point) {
    Bench bench(repo);
    tell_story(bench);
    bench.lab.stop_after = point;
    REQUIRE_THROWS_AS(bench.run(), test::Stop);
    bench.lab.stop_after = -1;
    bench.events.clear();
    const BisectResult result = bench.run();
    INFO("stopped before action " << point);
    CHECK(Ending{result.kind, result.culprit.sha, bench.verdicts(), bench.lab.runs} ==
          expected_end);
    // At most the revision under way is built again (from the store).
    CHECK(bench.lab.builds <= whole.lab.builds + 1);
    CHECK(bench.told<event::Resumed>().size() == (point > 1 ? 1 : 0));
  }
}

TEST_CASE("stopped at every action, one after the other") {
  Repo repo;
  make_story(repo);
  Bench whole(repo);
  tell_story(whole);
  whole.run();
  Bench bench(repo);
  tell_story(bench);
  unsigned sessions = 0;
  for (;; ++sessions) {
    bench.lab.stop_after = 2; // a build and a run, so that each session gets on
    bench.events.clear();
    try {
      const BisectResult result = bench.run();
      CHECK(repo.name(result.culprit.sha) == "c3");
      break;
    } catch (const test::Stop&) { // the next session goes on
    }
    REQUIRE(sessions < 100);
  }
  CHECK(sessions > 5);
  CHECK(bench.lab.runs == whole.lab.runs);
}

TEST_CASE("guests side by side change the time and nothing else") {
  Repo repo;
  make_story(repo);
  Bench whole(repo);
  tell_story(whole);
  whole.run();
  CHECK(whole.lab.most_at_once == 1);
  Bench bench(repo);
  tell_story(bench);
  bench.plan.slots = 3;
  bench.lab.nap = std::chrono::milliseconds(20);
  const BisectResult result = bench.run();
  CHECK(repo.name(result.culprit.sha) == "c3");
  CHECK(bench.verdicts() == whole.verdicts());
  CHECK(bench.lab.most_at_once == 3);
  const auto titles = [](const Bench& of) {
    std::vector<std::string> all;
    for (const auto& run : of.told<event::RunFinished>())
      all.push_back(run.result.title);
    return all;
  };
  CHECK(titles(bench) == titles(whole));
  SECTION("stopped in the middle of a batch") {
    for (const int point : {2, 3, 6, 9}) {
      Bench again(repo);
      tell_story(again);
      again.plan.slots = 3;
      again.lab.stop_after = point;
      REQUIRE_THROWS_AS(again.run(), test::Stop);
      again.lab.stop_after = -1;
      again.events.clear();
      again.run();
      CHECK(titles(again) == titles(whole));
    }
  }
}

TEST_CASE("stored verdicts say that they are stored; a finished bisection begins anew") {
  Repo repo;
  make_story(repo);
  Bench bench(repo);
  tell_story(bench);
  stop_half_way(bench);
  bench.run();
  const auto started = bench.told<event::TestStarted>();
  CHECK(started.front().stored);
  CHECK_FALSE(started.back().stored);
  CHECK(started.front().compiler == "gcc 12.2.0");
  const auto builds = bench.lab.builds;
  bench.events.clear();
  bench.run();
  CHECK(bench.told<event::Resumed>().empty());
  CHECK(bench.lab.builds > builds);
  CHECK_FALSE(bench.told<event::TestStarted>().front().stored);
}

TEST_CASE("another job or start is another bisection") {
  Repo repo;
  make_story(repo);
  Bench bench(repo);
  tell_story(bench);
  stop_half_way(bench);
  SECTION("digest") { bench.plan.digest = "changed"; }
  SECTION("start") { bench.plan.question.bad = repo.sha("c7"); }
  bench.run();
  CHECK(bench.told<event::Resumed>().empty());
}

TEST_CASE("undo drops the last verdict, and the bisection goes on from there") {
  Repo repo;
  make_story(repo);
  Bench bench(repo);
  tell_story(bench);
  bench.run();
  State state(bench.database());
  const BisectionRow row = state.latest().value();
  CHECK(row.end == EndKind::found);
  const Status before = status_of(state, row);
  CHECK(state.undo(row.id) == before.verdicts.back().sha);
  const BisectionRow undone = state.latest().value();
  CHECK_FALSE(undone.end);
  CHECK(undone.culprit.empty());
  CHECK(status_of(state, undone).verdicts.size() == before.verdicts.size() - 1);
  bench.lab.asked.clear();
  CHECK(repo.name(bench.run().culprit.sha) == "c3");
  CHECK(bench.lab.asked.front() == "build " + repo.name(before.verdicts.back().sha));
  CHECK(state.latest()->id == row.id);
}
