#include <catch2/catch.hpp>

#include "harness/bisect/related.hpp"
#include "harness/bisect/trial.hpp"

using namespace harness;

namespace {

Symptom lockdep(const std::string& function, const std::string& file) {
  return {"possible deadlock in " + function, {}, "LOCKDEP", function, {file}, "text"};
}

const Symptom hung{"INFO: task hung in vhost_net_stop_vq",
                   {},
                   "HANG",
                   "vhost_net_stop_vq",
                   {"drivers/vhost/net.c"},
                   "text"};
const Symptom silent{"no heartbeat for 5.0 s", {}, "HANG", "", {}, ""};

} // namespace

TEST_CASE("relation of two crashes") {
  struct Row {
    Symptom a;
    Symptom b;
    Relation relation;
  };
  const Symptom deadlock = lockdep("vhost_process_iotlb_msg", "drivers/vhost/vhost.c");
  const Symptom elsewhere = lockdep("ext4_fill_super", "fs/ext4/super.c");
  const Row row = GENERATE_COPY(values<Row>({
      {deadlock, deadlock, Relation::title},
      {deadlock, lockdep("vhost_chr_write_iter", "drivers/vhost/vhost.c"), Relation::directory},
      {deadlock, hung, Relation::directory},
      {deadlock, elsewhere, Relation::none},
      {{"t1", {"alt"}, "", "", {}, ""}, {"alt", {}, "", "", {}, ""}, Relation::title},
      {{"t1", {"x", "alt"}, "", "", {}, ""}, {"t2", {"alt"}, "", "", {}, ""}, Relation::title},
      {{"", {}, "", "", {}, ""}, {"", {}, "", "", {}, ""}, Relation::none},
      {{"KASAN: read in f", {}, "KASAN", "f", {}, ""},
       {"KASAN: write in f", {}, "KASAN", "f", {}, ""},
       Relation::function},
      {{"KASAN: read in f", {}, "KASAN", "f", {}, ""},
       {"WARNING in f", {}, "WARNING", "f", {}, ""},
       Relation::none},
      {{"a in f", {}, "", "f", {}, ""}, {"b in f", {}, "", "f", {}, ""}, Relation::none},
      // Shallow directories hold too much.
      {lockdep("f", "mm/slub.c"), lockdep("g", "mm/mmap.c"), Relation::none},
      {lockdep("f", "mm/slub.c"), lockdep("g", "mm/slub.c"), Relation::directory},
      {lockdep("f", "net/core/dev.c"), lockdep("g", "net/core/sock.c"), Relation::directory},
      {lockdep("f", "net/core/dev.c"), lockdep("g", "net/ipv4/tcp.c"), Relation::none},
      {lockdep("f", "drivers/vhost/vhost.c"), lockdep("g", "drivers/vhost/sub/x.c"),
       Relation::none},
      // Hangs.
      {hung, silent, Relation::hang},
      {silent, {"program stands still", {}, "HANG", "", {}, ""}, Relation::hang},
      {silent, {"rcu stall in g", {}, "RCU-STALL", "g", {}, ""}, Relation::hang},
      {hung,
       {"INFO: task hung in ext4_sync", {}, "HANG", "ext4_sync", {"fs/ext4/fsync.c"}, ""},
       Relation::none},
      {deadlock, silent, Relation::none},
  }));
  INFO(row.a.title << " / " << row.b.title);
  CHECK(relation(row.a, row.b) == row.relation);
  CHECK(relation(row.b, row.a) == row.relation);
}

TEST_CASE("without an expectation the first crash is hunted") {
  Hunted hunted({});
  CHECK(hunted.relation_of(hung) == Relation::first);
  hunted.learn(hung);
  CHECK(hunted.relation_of(hung) == Relation::title);
  CHECK(hunted.relation_of(lockdep("ext4_fill_super", "fs/ext4/super.c")) == Relation::none);
}

TEST_CASE("with an expectation an unrelated first crash is not hunted") {
  Hunted hunted({"possible deadlock in vhost_*", {"drivers/vhost/"}});
  CHECK(hunted.relation_of(lockdep("ext4_fill_super", "fs/ext4/super.c")) == Relation::none);
  CHECK(hunted.relation_of(lockdep("vhost_chr_write_iter", "")) == Relation::expected);
  CHECK(hunted.relation_of(hung) == Relation::expected);
  Symptom later = hung;
  later.files = {"kernel/hung_task.c", "drivers/vhost/net.c"};
  CHECK(hunted.relation_of(later) == Relation::none); // only the guilty file counts
  later.alt_titles = {"possible deadlock in vhost_x"};
  CHECK(hunted.relation_of(later) == Relation::expected);
}

TEST_CASE("the hunted bug grows with the titles seen, and keeps each once") {
  Hunted hunted({});
  hunted.learn(lockdep("f", "net/core/dev.c"));
  const Symptom second = lockdep("g", "net/core/sock.c");
  const Symptom third{
      "possible deadlock in g", {}, "", "", {}, ""}; // no file: only the title tells
  CHECK(hunted.relation_of(third) == Relation::none);
  hunted.learn(second);
  hunted.learn(second);
  CHECK(hunted.known().size() == 2);
  CHECK(hunted.relation_of(third) == Relation::title);
}

TEST_CASE("a run's outcome becomes what is counted") {
  const Decode decode = [](const CrashReport& report) {
    return DecodedReport{"decoded " + report.text, {"drivers/vhost/vhost.c"}};
  };
  Hunted hunted({});
  hunted.learn(hung);
  Outcome outcome;
  outcome.seconds = 2.5;
  const auto run_of = [&] { return classify(trial_of(outcome, decode), hunted); };

  SECTION("clean") {
    outcome.kind = OutcomeKind::clean;
    CHECK(run_of().kind == RunKind::clean);
    CHECK(run_of().title == "OK");
    CHECK(run_of().seconds == 2.5);
  }
  SECTION("a related crash behind an unrelated one is the hit") {
    outcome.kind = OutcomeKind::crash;
    CrashReport quiet;
    quiet.title = "WARNING in quiet";
    quiet.suppressed = true;
    CrashReport vhost;
    vhost.title = "possible deadlock in vhost_x";
    vhost.text = "splat";
    outcome.reports = {quiet, vhost};
    CHECK(run_of().kind == RunKind::hit);
    CHECK(run_of().title == "crashed: possible deadlock in vhost_x");
    CHECK(run_of().symptom.text == "decoded splat");
  }
  SECTION("unrelated") {
    outcome.kind = OutcomeKind::crash;
    outcome.reports.resize(1);
    outcome.reports[0].title = "WARNING in other";
    const Decode no_files = [](const CrashReport& report) {
      return DecodedReport{report.text, {}};
    };
    const RunResult run = classify(trial_of(outcome, no_files), hunted);
    CHECK(run.kind == RunKind::other);
    CHECK(run.title == "crashed: WARNING in other (unrelated)");
  }
  SECTION("a hang without a report") {
    outcome.kind = OutcomeKind::hang;
    outcome.detail = "step 7 (close) stands still";
    CHECK(run_of().kind == RunKind::hit);
    CHECK(run_of().title == "hung: step 7 (close) stands still");
    Hunted splat({});
    splat.learn(lockdep("f", "net/core/dev.c"));
    CHECK(classify(trial_of(outcome, decode), splat).kind == RunKind::other);
  }
  SECTION("boot failure, named by its crash") {
    outcome.kind = OutcomeKind::boot_failure;
    outcome.detail = "no agent";
    CHECK(run_of().kind == RunKind::boot);
    CHECK(run_of().title == "boot failed: no agent");
    outcome.reports.resize(1);
    outcome.reports[0].title = "kernel panic: no init";
    CHECK(run_of().title == "boot failed: kernel panic: no init");
  }
  SECTION("not testable and our own failure") {
    outcome.kind = OutcomeKind::not_testable;
    outcome.detail = "no /dev/vhost-net: CONFIG_VHOST_NET";
    CHECK(run_of().kind == RunKind::untestable);
    CHECK(run_of().title == "not testable: no /dev/vhost-net: CONFIG_VHOST_NET");
    outcome.kind = OutcomeKind::infrastructure;
    CHECK(run_of().kind == RunKind::infra);
  }
}
