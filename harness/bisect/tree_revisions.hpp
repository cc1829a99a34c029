// The user's tree as the search sees it; git bisect runs in a checkout of our own.
#pragma once

#include "harness/bisect/search.hpp"
#include "harness/kernel/checkout.hpp"

namespace harness {

// Borrows both.
class TreeRevisions : public Revisions {
 public:
  TreeRevisions(const Tree& tree, const Checkout& checkout)
      : tree_(tree), checkout_(checkout), bisect_(checkout.path()) {}

  std::string resolve(const std::string& revision) override { return tree_.resolve(revision); }
  Commit commit(const std::string& sha) override { return tree_.commit(sha); }
  std::string diffstat(const std::string& sha) override { return tree_.diffstat(sha); }
  bool is_ancestor(const std::string& ancestor, const std::string& sha) override {
    return tree_.is_ancestor(ancestor, sha);
  }
  std::vector<std::string> releases(const std::string& sha, const std::string& pattern) override {
    return tree_.releases(sha, pattern);
  }
  std::vector<std::string> recipients(const std::string& sha) override {
    return tree_.recipients(sha, checkout_.path());
  }
  GitBisect& bisect() override { return bisect_; }

 private:
  const Tree& tree_;
  const Checkout& checkout_;
  GitBisect bisect_;
};

} // namespace harness
