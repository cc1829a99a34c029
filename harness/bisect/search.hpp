// From a bad revision to the commit that made it bad: the releases back, then git bisect.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/bisect/events.hpp"
#include "harness/bisect/git_bisect.hpp"

namespace harness {

// The history, as the search sees it. Revisions are full commit ids unless said otherwise.
class Revisions {
 public:
  virtual ~Revisions() = default;
  // Of a name (tag, branch, HEAD~3). Throws base::UsageError where there is none.
  virtual std::string resolve(const std::string& revision) = 0;
  virtual Commit commit(const std::string& sha) = 0;
  virtual std::string diffstat(const std::string& sha) = 0;
  virtual bool is_ancestor(const std::string& ancestor, const std::string& sha) = 0;
  // Names of matching tags that are ancestors of sha, newest first.
  virtual std::vector<std::string> releases(const std::string& sha, const std::string& pattern) = 0;
  virtual std::vector<std::string> recipients(const std::string& sha) = 0;
  virtual GitBisect& bisect() = 0;
};

enum class Role { start, other };

// Brings any revision to a verdict. Testing the same revision again gives the same result.
class Tester {
 public:
  virtual ~Tester() = default;
  virtual RevisionResult test(const std::string& sha, Role role) = 0;
};

struct Question {
  std::string bad = "HEAD";
  std::string good;                 // empty: walk the releases
  std::string releases = "v[0-9]*"; // shell pattern of tags
};

// Deterministic: what it asks next depends on the verdicts only, so that it can be run again from
// the start over stored verdicts.
class Search {
 public:
  Search(Revisions& revisions, Tester& tester, Observer observer)
      : revisions_(revisions), tester_(tester), observer_(std::move(observer)) {}

  // Never throws for a revision that cannot be judged. result.seconds is left to the caller, and
  // the event Ended too.
  BisectResult run(const Question& question);

 private:
  struct Bound {
    std::string name; // for people: a tag, or the id
    std::string sha;
  };
  // Each of these returns false when the search is over; result_ then says how.
  bool test_start(const Question& question);
  bool test_good(const std::string& name);
  bool walk_releases(const std::string& pattern);
  void bisect();

  const RevisionResult& test(const std::string& sha, Role role = Role::other);
  bool end(EndKind kind, std::string detail);
  void name_culprit(const std::string& sha);
  void list_candidates(const BisectStep& step);
  Counts counts(const std::string& sha) const;
  void sum_up();

  Revisions& revisions_;
  Tester& tester_;
  Observer observer_;
  std::map<std::string, RevisionResult> tested_;
  Bound bad_;
  Bound good_;
  BisectResult result_;
};

} // namespace harness
