#include <catch2/catch.hpp>

#include "oracle.hpp"

using namespace harness;
using Kind = BisectStep::Kind;

TEST_CASE("git bisect without a work tree") {
  test::Repo repo;
  repo.add_line(16);
  repo.write();
  GitBisect git(repo.path());
  const std::string head_before = repo.git({"rev-parse", "HEAD"});
  BisectStep step = git.start(repo.sha("c15"), repo.sha("c0"));
  REQUIRE(step.lines.size() == 2);
  CHECK(step.lines[0] == "Bisecting: 7 revisions left to test after this (roughly 3 steps)");
  CHECK(step.lines[1] == "[" + step.sha + "] " + repo.name(step.sha) + " subject");
  unsigned steps = 0;
  for (; step.kind == Kind::test; ++steps)
    step = git.answer(std::stoi(repo.name(step.sha).substr(1)) >= 6 ? Verdict::bad : Verdict::good,
                      step.sha);
  CHECK(step.kind == Kind::found);
  CHECK(repo.name(step.sha) == "c6");
  CHECK(steps <= 4);
  CHECK_FALSE(base::fs::exists(repo.path() / "c0")); // nothing was checked out
  git.reset();
  CHECK(repo.git({"for-each-ref", "refs/bisect/"}).empty());
  CHECK(repo.git({"rev-parse", "HEAD"}) == head_before);
  CHECK_FALSE(base::fs::exists(repo.path() / ".git/BISECT_HEAD"));
}

TEST_CASE("only skipped commits left") {
  test::Repo repo;
  repo.add_line(6);
  repo.write();
  GitBisect git(repo.path());
  BisectStep step = git.start(repo.sha("c5"), repo.sha("c0"));
  while (step.kind == Kind::test) {
    const int at = std::stoi(repo.name(step.sha).substr(1));
    step = git.answer(at == 2 || at == 3 ? Verdict::skip
                      : at < 2           ? Verdict::good
                                         : Verdict::bad,
                      step.sha);
  }
  CHECK(step.kind == Kind::only_skipped);
  std::set<std::string> names;
  for (const std::string& sha : step.candidates)
    names.insert(repo.name(sha));
  CHECK(names == std::set<std::string>{"c2", "c3", "c4"});
}

TEST_CASE("good on another branch: the merge base is tested first") {
  test::Repo repo;
  repo.add("base");
  repo.add("good", {"base"});
  repo.add("b1", {"base"});
  repo.add("b2", {"b1"});
  repo.write();
  GitBisect git(repo.path());
  BisectStep step = git.start(repo.sha("b2"), repo.sha("good"));
  REQUIRE(step.kind == Kind::test);
  CHECK(repo.name(step.sha) == "base");
  CHECK(step.lines.at(0) == "Bisecting: a merge base must be tested");
  SECTION("bad: fixed between") {
    step = git.answer(Verdict::bad, step.sha);
    CHECK(step.kind == Kind::fixed_between);
    CHECK(repo.name(step.sha) == "base");
  }
  SECTION("good: goes on") {
    step = git.answer(Verdict::good, step.sha);
    REQUIRE(step.kind == Kind::test);
    CHECK(repo.name(step.sha) == "b1");
    step = git.answer(Verdict::bad, step.sha);
    CHECK(step.kind == Kind::found);
    CHECK(repo.name(step.sha) == "b1");
  }
}

TEST_CASE("good and bad mistaken is the caller's mistake") {
  test::Repo repo;
  repo.add_line(4);
  repo.write();
  GitBisect git(repo.path());
  CHECK_THROWS_AS(git.start(repo.sha("c0"), repo.sha("c3")), base::UsageError);
}

TEST_CASE("an abandoned bisection does not stand in the way") {
  test::Repo repo;
  repo.add_line(8);
  repo.write();
  GitBisect git(repo.path());
  BisectStep step = git.start(repo.sha("c7"), repo.sha("c0"));
  git.answer(Verdict::bad, step.sha);
  SECTION("whole") {}
  SECTION("half removed") { base::fs::remove(repo.path() / ".git/BISECT_LOG"); }
  step = git.start(repo.sha("c7"), repo.sha("c5"));
  CHECK(repo.name(step.sha) == "c6");
  CHECK(git.answer(Verdict::good, step.sha).sha == repo.sha("c7"));
}

TEST_CASE("a repository whose HEAD is not born yet can be bisected") {
  test::Repo repo;
  repo.add_line(4);
  repo.write();
  repo.git({"symbolic-ref", "HEAD", "refs/heads/nothing"});
  GitBisect git(repo.path());
  CHECK(git.start(repo.sha("c3"), repo.sha("c0")).kind == Kind::test);
}

TEST_CASE("parents of a merge, of a root") {
  test::Repo repo;
  repo.add("a");
  repo.add("b", {"a"});
  repo.add("c", {"a"});
  repo.add("m", {"b", "c"});
  repo.write();
  GitBisect git(repo.path());
  CHECK(git.parents(repo.sha("m")) == std::vector<std::string>{repo.sha("b"), repo.sha("c")});
  CHECK(git.parents(repo.sha("a")).empty());
}
