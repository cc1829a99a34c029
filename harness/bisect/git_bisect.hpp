// `git bisect` in a repository of our own, without touching its work tree.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/bisect/verdict.hpp"

namespace harness {

// What git wants after a start or an answer.
struct BisectStep {
  enum class Kind {
    test,          // sha is to be tested next
    found,         // sha is the first bad commit
    only_skipped,  // one of candidates is
    fixed_between, // good is no ancestor of bad, and their merge base sha is bad
  };
  Kind kind = Kind::test;
  std::string sha;
  std::vector<std::string> candidates;
  std::vector<std::string> lines; // git's own, to be shown: "Bisecting: ...", "[sha] subject"
};

// One bisection at a time; the refs (refs/bisect, BISECT_HEAD) are in that repository's git folder.
class GitBisect {
 public:
  explicit GitBisect(std::filesystem::path repository) : repository_(std::move(repository)) {}

  // Ends an older bisection in that repository first. Throws base::UsageError where git sees no way
  // from good to bad, base::Error where git fails.
  BisectStep start(const std::string& bad, const std::string& good);
  // Verdict infra is not an answer.
  BisectStep answer(Verdict verdict, const std::string& sha);
  // Leaves no ref behind; nothing to do when no bisection is under way.
  void reset();
  std::vector<std::string> parents(const std::string& sha) const;

 private:
  struct Said {
    int status = 0;
    std::string out;
  };
  Said git(const std::vector<std::string>& args) const;
  std::string must(const std::vector<std::string>& args) const;
  BisectStep next(const Said& said) const;

  std::filesystem::path repository_;
  std::string bad_;
  std::string good_;
};

} // namespace harness
