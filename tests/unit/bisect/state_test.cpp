#include <catch2/catch.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "harness/bisect/state.hpp"
#include "oracle.hpp"

using namespace harness;

namespace {

const BisectionKey key{"job", "/jobs/job.toml", "digest", "aaaa"};

RunResult hit() {
  RunResult run{RunKind::hit, "crashed: T in f", 1.25, test::symptom("T in f")};
  run.symptom.alt_titles = {"T in g", "T"};
  run.symptom.files = {"a/b.c", "a/c.c"};
  run.symptom.text = std::string("line one\nbytes \xff\0 here", 22);
  return run;
}

RevisionResult revision(const std::string& sha, Verdict verdict) {
  RevisionResult result;
  result.sha = sha;
  result.verdict = verdict;
  result.compiler = "gcc 12";
  result.build_seconds = 3;
  result.miss = 0.005;
  return result;
}

std::string error_of(const base::fs::path& file) {
  try {
    State state(file);
  } catch (const base::Error& error) {
    return error.what();
  }
  return "";
}

} // namespace

TEST_CASE("what is stored comes back as it was") {
  base::TempDir folder("/tmp", "krepro-state-");
  const auto file = folder.path() / "deep" / "krepro.db";
  {
    State state(file);
    const BisectionRow row = state.open(key);
    state.add_build(row.id, revision("bbbb", Verdict::bad));
    state.add_run(row.id, "bbbb", hit());
    state.add_run(row.id, "bbbb", {RunKind::clean, "OK", 2, {}});
    state.add_verdict(row.id, revision("bbbb", Verdict::bad));
    state.add_build(row.id, revision("cccc", Verdict::good));
    state.add_build(row.id, revision("cccc", Verdict::good)); // a second session
    state.add_seconds(row.id, 4);
  }
  State state(file);
  const BisectionRow row = state.latest().value();
  CHECK(row.key.job == "job");
  CHECK(row.key.start == "aaaa");
  CHECK(row.seconds == 4);
  CHECK(row.began.size() == 19);
  const auto revisions = state.revisions(row.id);
  REQUIRE(revisions.size() == 2);
  const RevisionResult& bad = revisions[0].result;
  CHECK(revisions[0].has_verdict);
  CHECK(bad.verdict == Verdict::bad);
  CHECK(bad.stored);
  CHECK(bad.miss == 0.005);
  REQUIRE(bad.runs.size() == 2);
  const RunResult expected = hit();
  CHECK(bad.runs[0].kind == RunKind::hit);
  CHECK(bad.runs[0].title == expected.title);
  CHECK(bad.runs[0].seconds == 1.25);
  CHECK(bad.runs[0].symptom.title == expected.symptom.title);
  CHECK(bad.runs[0].symptom.alt_titles == expected.symptom.alt_titles);
  CHECK(bad.runs[0].symptom.type == expected.symptom.type);
  CHECK(bad.runs[0].symptom.frame == expected.symptom.frame);
  CHECK(bad.runs[0].symptom.files == expected.symptom.files);
  CHECK(bad.runs[0].symptom.text == expected.symptom.text);
  CHECK(bad.runs[1].symptom.files.empty());
  CHECK_FALSE(revisions[1].has_verdict);
  CHECK(revisions[1].result.build_seconds == 6);
}

TEST_CASE("the unfinished one is gone on with, the finished one is not") {
  base::TempDir folder("/tmp", "krepro-state-");
  State state(folder.path() / "krepro.db");
  CHECK_FALSE(state.latest());
  const auto id = state.open(key).id;
  CHECK(state.open(key).id == id);
  BisectionKey other = key;
  other.digest = "other";
  const auto other_id = state.open(other).id;
  CHECK(other_id != id);
  CHECK(state.latest()->id == other_id);
  CHECK(state.open(key).id == id);
  CHECK(state.latest()->id == id); // the one worked on last
  BisectResult result;
  result.kind = EndKind::only_skipped;
  state.finish(id, result);
  CHECK(state.latest()->end == EndKind::only_skipped);
  const auto next = state.open(key).id;
  CHECK(next != id);
  state.add_build(next, revision("bbbb", Verdict::bad));
  state.abandon(key);
  CHECK(state.revisions(state.open(key).id).empty());
  CHECK(state.bisection(id).end); // finished ones stay
}

TEST_CASE("undo drops what was begun after the verdict too") {
  base::TempDir folder("/tmp", "krepro-state-");
  State state(folder.path() / "krepro.db");
  const auto id = state.open(key).id;
  CHECK_FALSE(state.undo(id));
  for (const std::string sha : {"b1", "b2", "b3"}) {
    state.add_build(id, revision(sha, Verdict::bad));
    state.add_run(id, sha, hit());
    if (sha != "b3")
      state.add_verdict(id, revision(sha, Verdict::bad));
  }
  CHECK(status_of(state, state.bisection(id)).under_way == "b3");
  CHECK(state.undo(id) == "b2");
  const auto left = state.revisions(id);
  REQUIRE(left.size() == 1);
  CHECK(left[0].result.sha == "b1");
  CHECK(state.undo(id) == "b1");
  CHECK_FALSE(state.undo(id));
}

TEST_CASE("status and log") {
  base::TempDir folder("/tmp", "krepro-state-");
  test::Repo repo;
  repo.add_line(8);
  repo.write();
  State state(folder.path() / "krepro.db");
  const auto id = state.open(key).id;
  const auto add = [&](const std::string& name, Verdict verdict, const std::string& error) {
    RevisionResult result = revision(repo.sha(name), verdict);
    result.build_error = error;
    state.add_build(id, result);
    if (error.empty())
      state.add_run(id, result.sha,
                    verdict == Verdict::bad ? hit() : RunResult{RunKind::clean, "OK", 1, {}});
    state.add_verdict(id, result);
  };
  add("c7", Verdict::bad, "");
  add("c0", Verdict::good, "");
  add("c3", Verdict::skip, "a.c:1:2: error: \x1b[31mred");
  const Status status = status_of(state, state.bisection(id));
  CHECK(status.bad == repo.sha("c7"));
  CHECK(status.good == repo.sha("c0"));
  CHECK(status.under_way.empty());
  CHECK(replay_log(status) == "git bisect start\n"
                              "# 1/1 runs hit: crashed: T in f\ngit bisect bad " +
                                  repo.sha("c7") +
                                  "\n"
                                  "# 0/1 runs hit: OK\ngit bisect good " +
                                  repo.sha("c0") +
                                  "\n"
                                  "# build failed: a.c:1:2: error: ?[31mred\ngit bisect skip " +
                                  repo.sha("c3") + "\n");
  // git itself takes it.
  base::write_file(folder.path() / "log", replay_log(status));
  repo.git({"checkout", "--quiet", "main"});
  CHECK(repo.git({"bisect", "replay", (folder.path() / "log").string()}).find("Bisecting: ") !=
        std::string::npos);
}

TEST_CASE("kill -9 loses nothing that was stored") {
  base::TempDir folder("/tmp", "krepro-state-");
  const auto file = folder.path() / "krepro.db";
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    State state(file);
    const auto id = state.open(key).id;
    state.add_build(id, revision("b1", Verdict::bad));
    state.add_run(id, "b1", hit());
    ::raise(SIGKILL);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  State state(file);
  const auto revisions = state.revisions(state.open(key).id);
  REQUIRE(revisions.size() == 1);
  CHECK(revisions[0].result.runs.size() == 1);
}

TEST_CASE("a database that is not ours gets one clear line") {
  base::TempDir folder("/tmp", "krepro-state-");
  const auto file = folder.path() / "krepro.db";
  SECTION("not a database") {
    base::write_file(file, std::string(5000, 'x'));
    CHECK(error_of(file).find("move it away") != std::string::npos);
  }
  SECTION("another program's") {
    Database(file).run("CREATE TABLE t (a)");
    CHECK(error_of(file).find("another program") != std::string::npos);
  }
  SECTION("another version") {
    { State state(file); }
    Database(file).run("PRAGMA user_version = 99");
    CHECK(error_of(file).find("schema 99, expected 1") != std::string::npos);
  }
  SECTION("cut short") {
    {
      State state(file);
      state.open(key);
    }
    Database(file).run("PRAGMA wal_checkpoint(TRUNCATE)");
    base::write_file(file, base::read_file(file).substr(0, 6000));
    CHECK(error_of(file).find("move it away") != std::string::npos);
  }
  SECTION("a folder in its place") {
    base::fs::create_directories(file);
    CHECK(error_of(file).find("krepro.db") != std::string::npos);
  }
  if (const std::string error = error_of(file); !error.empty())
    CHECK(error.find('\n') == std::string::npos);
}

TEST_CASE("the digest of a job changes with what matters") {
  Job job;
  job.config = {"base", "vhost"};
  const std::string digest = job_digest(job);
  CHECK(digest.size() == 64);
  Job renamed = job;
  renamed.name = "other";
  renamed.file = "elsewhere.toml";
  renamed.bad = "v4.19"; // part of the key as a commit id
  CHECK(job_digest(renamed) == digest);
  Job split = job;
  split.config = {"base", "vho", "st"};
  CHECK(job_digest(split) != digest);
  Job longer = job;
  longer.limits.program += std::chrono::seconds(1);
  CHECK(job_digest(longer) != digest);
  Job program = job;
  program.program.encoded = "x";
  CHECK(job_digest(program) != digest);
}
