#include <catch2/catch.hpp>

#include "harness/bisect/tree_revisions.hpp"
#include "oracle.hpp"

using namespace harness;
using test::Bench;
using test::Oracle;
using test::Repo;
using test::symptom;

namespace {

const Symptom vhost = symptom("possible deadlock in vhost_process_iotlb_msg");
const Symptom alien = symptom("WARNING in ext4_sync", "fs/ext4/fsync.c", "WARNING");

// c0 .. c<count - 1>, tags v1.0, v1.1 ... every tenth commit.
void make_line(Repo& repo, unsigned count) {
  repo.add_line(count);
  for (unsigned i = 0; i < count; i += 10)
    repo.tag(fmt::format("v1.{}", i / 10), fmt::format("c{}", i));
  repo.write();
}

std::vector<std::string> releases_told(const Bench& bench) {
  std::vector<std::string> names;
  for (const auto& chosen : bench.told<event::ReleaseChosen>())
    names.push_back(chosen.name);
  return names;
}

} // namespace

TEST_CASE("every culprit on a line is found through the releases") {
  Repo repo;
  make_line(repo, 35);
  const unsigned culprit = GENERATE(1u, 9u, 10u, 11u, 19u, 20u, 27u, 33u, 34u);
  Bench bench(repo);
  bench.lab.bad_from(fmt::format("c{}", culprit), vhost);
  const BisectResult result = bench.run();
  REQUIRE(result.kind == EndKind::found);
  CHECK(repo.name(result.culprit.sha) == fmt::format("c{}", culprit));
  CHECK(result.crash.title == vhost.title);
  CHECK(result.crash.text == vhost.text);
  CHECK(result.cc.size() == 1);
  CHECK(result.revisions == bench.verdicts().size());
  CHECK(result.build_seconds == Approx(10.0 * bench.lab.builds));
  CHECK(result.test_seconds == Approx(1.0 * bench.lab.runs));
  REQUIRE(result.at_parents.size() == 1);
  CHECK(result.at_culprit.hits >= 1);
  CHECK(result.at_parents[0].hits == 0);
  CHECK(result.at_parents[0].runs >= 2);
  const auto started = bench.told<event::BisectStarted>();
  REQUIRE(started.size() == 1);
  CHECK(started[0].good == fmt::format("v1.{}", (culprit - 1) / 10));
}

TEST_CASE("the releases are walked newest first, to the first good one") {
  Repo repo;
  make_line(repo, 35);
  Bench bench(repo);
  bench.lab.bad_from("c13", vhost);
  bench.lab.does_not_build.insert("c20");
  bench.run();
  CHECK(releases_told(bench) == std::vector<std::string>{"v1.3", "v1.2", "v1.1"});
  CHECK(bench.told<event::BisectStarted>()[0].bad == "v1.3"); // v1.2 does not build
}

TEST_CASE("a revision that no toolchain fits is skipped with its reason") {
  Repo repo;
  make_line(repo, 35);
  Bench bench(repo);
  bench.lab.bad_from("c13", vhost);
  bench.lab.no_toolchain = {"c20"};
  CHECK(repo.name(bench.run().culprit.sha) == "c13");
  CHECK(bench.verdicts().at("c20") == Verdict::skip);
  Bench from_there(repo);
  from_there.plan.question.bad = repo.sha("c20");
  from_there.lab.no_toolchain = {"c20"};
  const BisectResult result = from_there.run();
  CHECK(result.kind == EndKind::start_skipped);
  CHECK(result.detail.find("no toolchain for Linux 4.6.0") != std::string::npos);
}

TEST_CASE("a tag on the start revision is not tested twice") {
  Repo repo;
  make_line(repo, 31);
  Bench bench(repo);
  bench.lab.bad_from("c25", vhost);
  CHECK(bench.run().kind == EndKind::found);
  CHECK(releases_told(bench) == std::vector<std::string>{"v1.2"});
  CHECK(bench.told<event::BisectStarted>()[0].bad == repo.sha("c30"));
}

TEST_CASE("a title that changes stays one bug") {
  Repo repo;
  make_line(repo, 35);
  Bench bench(repo);
  bench.lab.bad_from("c7", vhost);
  bench.lab.bad_from("c14", symptom("possible deadlock in vhost_chr_write_iter"));
  bench.lab.bad_from(
      "c22", symptom("INFO: task hung in vhost_net_stop_vq", "drivers/vhost/net.c", "HANG"));
  const BisectResult result = bench.run();
  CHECK(repo.name(result.culprit.sha) == "c7");
  CHECK(result.crash.title == vhost.title);
}

TEST_CASE("unrelated crashes do not steer") {
  Repo repo;
  make_line(repo, 35);
  Bench bench(repo);
  bench.lab.bad_from("c25", vhost);
  for (unsigned i = 0; i < 25; ++i) // each older commit: an unrelated crash in every third run
    bench.lab.behaviour[fmt::format("c{}", i)] = [i](unsigned index) {
      return (index + i) % 3 == 0 ? test::crash(alien) : test::quiet();
    };
  CHECK(repo.name(bench.run().culprit.sha) == "c25");
  SECTION("a commit that shows nothing else is skipped, never bad") {
    Bench other(repo);
    other.lab.bad_from("c25", vhost);
    other.lab.behaviour["c22"] = [](unsigned) { return test::crash(alien); };
    other.lab.behaviour["c23"] = [](unsigned) { return test::untestable(); };
    CHECK(repo.name(other.run().culprit.sha) == "c25");
    for (const auto& [name, verdict] : other.verdicts())
      CHECK((verdict == Verdict::skip) == (name == "c22" || name == "c23"));
  }
}

TEST_CASE("skips beside the culprit are named honestly") {
  Repo repo;
  make_line(repo, 21);
  Bench bench(repo);
  bench.lab.bad_from("c15", vhost);
  bench.lab.does_not_build = {"c14"};
  bench.lab.behaviour["c13"] = [](unsigned) { return test::no_boot(); };
  const BisectResult result = bench.run();
  REQUIRE(result.kind == EndKind::only_skipped);
  CHECK(exit_code(result.kind) == 125);
  std::set<std::string> names;
  for (const Commit& candidate : result.candidates)
    names.insert(repo.name(candidate.sha));
  CHECK(names == std::set<std::string>{"c13", "c14", "c15"});
  CHECK(result.culprit.sha.empty());
}

TEST_CASE("a merged side branch") {
  Repo repo;
  repo.add("root");
  repo.tag("v1.0", "root");
  for (int i = 1; i <= 6; ++i)
    repo.add(fmt::format("m{}", i), {i == 1 ? "root" : fmt::format("m{}", i - 1)});
  for (int i = 1; i <= 6; ++i)
    repo.add(fmt::format("s{}", i), {i == 1 ? "m2" : fmt::format("s{}", i - 1)});
  repo.add("merge", {"m6", "s6"});
  repo.add("tip", {"merge"});
  repo.write();
  const std::string culprit =
      GENERATE(as<std::string>{}, "m1", "m3", "m6", "s1", "s4", "s6", "merge", "tip");
  Bench bench(repo);
  bench.lab.bad_from(culprit, vhost);
  const BisectResult result = bench.run();
  REQUIRE(result.kind == EndKind::found);
  CHECK(repo.name(result.culprit.sha) == culprit);
  CHECK(result.at_parents.size() == (culprit == "merge" ? 2 : 1));
}

TEST_CASE("the job names a good revision") {
  Repo repo;
  make_line(repo, 35);
  Bench bench(repo);
  bench.lab.bad_from("c13", vhost);
  SECTION("good") {
    bench.plan.question.good = repo.sha("c12");
    CHECK(repo.name(bench.run().culprit.sha) == "c13");
    CHECK(releases_told(bench).empty());
  }
  SECTION("bad") {
    bench.plan.question.good = "v1.2";
    const BisectResult result = bench.run();
    CHECK(result.kind == EndKind::good_is_bad);
    CHECK(result.detail.find("'v1.2' is bad too") != std::string::npos);
  }
  SECTION("not testable") {
    bench.plan.question.good = "v1.1";
    bench.lab.does_not_build = {"c10"};
    CHECK(bench.run().kind == EndKind::good_skipped);
  }
  SECTION("the start revision itself") {
    bench.plan.question.good = "main";
    CHECK_THROWS_AS(bench.run(), base::UsageError);
  }
}

TEST_CASE("a good revision on a fixed branch") {
  Repo repo;
  repo.add("a");
  repo.add("b", {"a"});
  repo.add("fix", {"b"});
  repo.add("c", {"b"});
  repo.add("d", {"c"});
  repo.write();
  Bench bench(repo);
  bench.plan.question.good = repo.sha("fix");
  bench.lab.bad_from("a", vhost);
  bench.lab.behaviour.erase("fix");
  const BisectResult result = bench.run();
  CHECK(result.kind == EndKind::fixed_between);
  CHECK(result.detail.find(repo.sha("b")) != std::string::npos);
}

TEST_CASE("ends without a culprit") {
  Repo repo;
  make_line(repo, 25);
  Bench bench(repo);
  SECTION("all good: does not reproduce, with the bound") {
    const BisectResult result = bench.run();
    CHECK(result.kind == EndKind::not_reproduced);
    CHECK(
        result.detail.find("0/10 runs crashed (hit probability at most 30 % at 95 % confidence)") !=
        std::string::npos);
    CHECK(bench.lab.runs == 10);
    CHECK(exit_code(result.kind) == 125);
  }
  SECTION("all bad: in the oldest release") {
    bench.lab.bad_from("c0", vhost);
    const BisectResult result = bench.run();
    CHECK(result.kind == EndKind::no_good);
    CHECK(result.detail.find("present in the oldest release that can be tested, v1.0") !=
          std::string::npos);
  }
  SECTION("no release matches") {
    bench.lab.bad_from("c12", vhost);
    bench.plan.question.releases = "release-*";
    const BisectResult result = bench.run();
    CHECK(result.kind == EndKind::no_good);
    CHECK(result.detail.find("no release (a tag 'release-*')") != std::string::npos);
  }
  SECTION("no release can be tested") {
    bench.lab.bad_from("c22", vhost);
    bench.lab.does_not_build = {"c0", "c10", "c20"};
    const BisectResult result = bench.run();
    CHECK(result.kind == EndKind::no_good);
    CHECK(result.detail.find("none of the 3 releases") != std::string::npos);
  }
  SECTION("the start does not boot") {
    bench.lab.behaviour["c24"] = [](unsigned) { return test::no_boot(); };
    const BisectResult result = bench.run();
    CHECK(result.kind == EndKind::start_skipped);
    CHECK(result.detail.find("no agent after 20 s") != std::string::npos);
    CHECK(bench.lab.runs == 2);
  }
  SECTION("the start crashes otherwise than expected") {
    bench.plan.expected.title = "possible deadlock in vhost_*";
    bench.lab.behaviour["c24"] = [](unsigned) { return test::crash(alien); };
    CHECK(bench.run().kind == EndKind::start_skipped);
  }
  SECTION("an unknown start revision") {
    bench.plan.question.bad = "nonsense";
    CHECK_THROWS_AS(bench.run(), base::Error);
  }
}

TEST_CASE("our own failures are tried again, then end the session, not the bisection") {
  Repo repo;
  make_line(repo, 25);
  Bench bench(repo);
  bench.lab.bad_from("c13", vhost);
  const auto bad = bench.lab.behaviour["c20"];
  bool healthy = false;
  bench.lab.behaviour["c20"] = [&](unsigned index) {
    return healthy || index == 3 ? bad(index) : test::broken_host();
  };
  SECTION("three in a row") { CHECK(repo.name(bench.run().culprit.sha) == "c13"); }
  SECTION("four") {
    bench.lab.behaviour["c20"] = [&](unsigned index) {
      return healthy ? bad(index) : test::broken_host();
    };
    const BisectResult broken = bench.run();
    CHECK(broken.kind == EndKind::infra);
    CHECK(exit_code(broken.kind) == 131);
    healthy = true;
    const unsigned builds = bench.lab.builds;
    CHECK(repo.name(bench.run().culprit.sha) == "c13");
    CHECK(bench.told<event::Resumed>().size() == 1);
    CHECK(bench.lab.asked[builds] != "build c24"); // the start is not repeated
  }
}

TEST_CASE("a user's tree, through a checkout in the cache, is left as it was") {
  Repo repo;
  make_line(repo, 25);
  const auto state_of = [&repo] {
    return repo.git({"for-each-ref"}) + repo.git({"rev-parse", "HEAD"}) +
           repo.git({"status", "--porcelain"}) + repo.git({"count-objects"});
  };
  const std::string before = state_of();
  Bench bench(repo);
  bench.lab.bad_from("c13", vhost);
  const Tree tree(repo.path());
  const Checkout checkout(tree, bench.folder.path() / "cache");
  TreeRevisions revisions(tree, checkout);
  State state(bench.database());
  const BisectResult result =
      bisect(bench.plan, state, revisions, bench.lab, [](const Event& /*event*/) {});
  REQUIRE(result.kind == EndKind::found);
  CHECK(repo.name(result.culprit.sha) == "c13");
  CHECK(result.culprit.subject == "c13 subject");
  CHECK(result.diffstat.find("1 file changed") != std::string::npos);
  CHECK(result.cc.front().find("a@example.org") != std::string::npos);
  CHECK(result.at_parents.at(0).sha == repo.sha("c12"));
  CHECK(state_of() == before);
}

TEST_CASE("a coin of a reproducer: right, and within the run limit") {
  Repo repo;
  make_line(repo, 41);
  unsigned right = 0;
  unsigned wrong = 0;
  unsigned not_reproduced = 0;
  constexpr unsigned seeds = 20;
  for (unsigned seed = 0; seed < seeds; ++seed) {
    Bench bench(repo);
    bench.plan.max_runs = 20;
    bench.lab.bad_from("c17", vhost, 0.5, seed);
    const BisectResult result = bench.run();
    if (result.kind == EndKind::not_reproduced)
      ++not_reproduced;
    else
      ++(repo.name(result.culprit.sha) == "c17" ? right : wrong);
    for (const auto& tested : bench.told<event::RevisionTested>())
      CHECK(tested.result.runs.size() <= 20);
  }
  INFO("right " << right << " wrong " << wrong << " not reproduced " << not_reproduced);
  // Each of about 5 bad verdicts is missed in fewer than 1 of 100.
  CHECK(right + 1 >= seeds);
  CHECK(not_reproduced == 0);
}
