// Small git repositories for tests: commits by name, written in one go.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "harness/bisect/search.hpp"
#include "harness/kernel/git.hpp"
#include "vmm/base/child.hpp"
#include "vmm/base/files.hpp"
#include "vmm/base/text.hpp"

namespace test {

class Repo : public harness::Revisions {
 public:
  Repo() : folder_("/tmp", "krepro-repo-") {
    git({"init", "--quiet", "--initial-branch=main", folder_.path().string()});
  }

  // A commit with these parents; the branch main is the commit that was added last.
  void add(const std::string& name, const std::vector<std::string>& parents = {}) {
    const std::size_t mark = marks_.size() + 1;
    const std::string message = name + " subject";
    stream_ +=
        fmt::format("commit refs/heads/main\nmark :{}\nauthor A <a@example.org> {} +0000\n"
                    "committer C <c@example.org> {} +0000\ndata {}\n{}\n",
                    mark, 1'700'000'000 + mark, 1'700'000'000 + mark, message.size(), message);
    for (std::size_t i = 0; i < parents.size(); ++i)
      stream_ += fmt::format("{} :{}\n", i == 0 ? "from" : "merge", marks_.at(parents[i]));
    if (parents.empty() && mark > 1) // a root of its own
      stream_.replace(stream_.rfind("commit refs/heads/main"), 22,
                      "commit refs/heads/root" + std::to_string(mark));
    stream_ += fmt::format("M 644 inline {}\ndata {}\n{}\n", name, name.size(), name);
    marks_[name] = mark;
    ancestors_[name] = {name};
    for (const std::string& parent : parents)
      ancestors_[name].insert(ancestors_.at(parent).begin(), ancestors_.at(parent).end());
    order_.push_back(name);
  }
  // c0 - c1 - ... - c<count - 1>
  void add_line(unsigned count) {
    for (unsigned i = 0; i < count; ++i)
      add(fmt::format("c{}", i), i == 0 ? std::vector<std::string>{}
                                        : std::vector<std::string>{fmt::format("c{}", i - 1)});
  }
  void tag(const std::string& tag, const std::string& name) {
    stream_ += fmt::format("reset refs/tags/{}\nfrom :{}\n\n", tag, marks_.at(name));
  }
  // Writes what was added. Once, before any question.
  void write() {
    base::Command import = harness::git_command(
        folder_.path(), {"fast-import", "--quiet", "--export-marks=.git/marks"});
    import.cwd = folder_.path();
    import.input = stream_;
    base::check_output(import);
    std::map<std::size_t, std::string> names;
    for (const auto& [name, mark] : marks_)
      names[mark] = name;
    const std::string marks = base::read_file(folder_.path() / ".git" / "marks");
    for (const std::string_view line : base::lines_of(marks)) {
      const auto words = base::split(line.substr(1), ' ');
      const std::string name = names.at(std::stoul(words[0]));
      shas_[name] = words[1];
      names_[words[1]] = name;
    }
  }

  const std::string& sha(const std::string& name) const { return shas_.at(name); }
  const std::string& name(const std::string& sha) const { return names_.at(sha); }
  const std::vector<std::string>& order() const { return order_; }
  const base::fs::path& path() const { return folder_.path(); }
  std::string git(const std::vector<std::string>& args) const {
    return std::string{base::trim(harness::git_output(folder_.path(), args))};
  }

  std::string resolve(const std::string& revision) override {
    return git({"rev-parse", "--verify", revision + "^{commit}"});
  }
  harness::Commit commit(const std::string& sha) override {
    return {sha, git({"log", "-1", "--format=%s", sha}), "A <a@example.org>", "today", "message"};
  }
  std::string diffstat(const std::string& sha) override { return " " + name(sha) + " | 1 +"; }
  bool is_ancestor(const std::string& ancestor, const std::string& sha) override {
    return ancestors_.at(name(sha)).count(name(ancestor)) > 0;
  }
  std::vector<std::string> releases(const std::string& sha, const std::string& pattern) override {
    const std::string tags =
        git({"tag", "--merged", sha, "--list", pattern, "--sort=-version:refname"});
    std::vector<std::string> found;
    for (const std::string_view tag : base::lines_of(tags))
      found.emplace_back(tag);
    return found;
  }
  std::vector<std::string> recipients(const std::string& /*sha*/) override {
    return {"A <a@example.org>"};
  }
  harness::GitBisect& bisect() override { return bisect_; }

 private:
  base::TempDir folder_;
  std::string stream_;
  std::map<std::string, std::size_t> marks_;
  std::map<std::string, std::set<std::string>> ancestors_; // with itself
  std::map<std::string, std::string> shas_;
  std::map<std::string, std::string> names_;
  std::vector<std::string> order_;
  harness::GitBisect bisect_{folder_.path()};
};

} // namespace test
