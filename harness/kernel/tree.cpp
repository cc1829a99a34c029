#include "harness/kernel/tree.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "harness/kernel/git.hpp"
#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"
#include "vmm/base/text.hpp"

namespace harness {

namespace {

// Without the last newline.
std::string one_line(std::string text) {
  while (!text.empty() && text.back() == '\n')
    text.pop_back();
  return text;
}

// The object's bytes by `git cat-file --batch`, which tells "not there" from a failure.
struct Object {
  std::string id; // empty: not there
  std::string content;
};

Object cat_file(const std::filesystem::path& folder, const std::string& name, bool content) {
  const std::string out =
      git_output(folder, {"cat-file", content ? "--batch" : "--batch-check"}, name + "\n");
  const std::size_t end = std::min(out.find('\n'), out.size());
  const std::vector<std::string> head = base::split(out.substr(0, end), ' ');
  if (head.size() != 3)
    return {};
  const std::size_t size = std::stoul(head[2]);
  return {head[0], content ? out.substr(end + 1, size) : std::string()};
}

// Does the build's configuration depend on that file?
bool is_config_source(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const bool configs = path.find("/configs/") != std::string_view::npos;
  return path.substr(0, 8) == "scripts/" || name.substr(0, 7) == "Kconfig" ||
         (configs && (path.substr(0, 8) == "arch/x86" || path.substr(0, 7) == "kernel/"));
}

} // namespace

Tree::Tree(const std::filesystem::path& path) : path_(path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path_, error))
    throw base::UsageError(fmt::format("{}: no such folder; expected a git tree", path_.string()));
  path_ = std::filesystem::canonical(path_);
  const base::Finished finished =
      run_git(path_, {"rev-parse", "--path-format=absolute", "--git-common-dir", "--git-path",
                      "objects", "--show-object-format", "--show-prefix"});
  const std::vector<std::string> lines = base::split(finished.out, '\n');
  if (!finished.status.success() || lines.size() < 4)
    throw base::UsageError(
        fmt::format("{}: expected a git tree: {}", path_.string(), git_complaint(finished)));
  if (!lines[3].empty())
    throw base::UsageError(fmt::format("{}: expected a git tree, but it is a folder in the tree {}",
                                       path_.string(), lines[0]));
  common_dir_ = std::filesystem::canonical(lines[0]);
  objects_dir_ = std::filesystem::canonical(lines[1]);
  object_format_ = lines[2];
}

bool Tree::is_partial() const {
  const base::Finished finished = run_git(
      path_, {"config", "--get-regexp", "^(remote\\..*\\.promisor|extensions\\.partialclone)$"});
  return finished.status.success();
}

std::string Tree::resolve(const std::string& revision) const {
  const base::Finished finished = run_git(
      path_, {"rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}"});
  if (finished.status.success() && !revision.empty())
    return one_line(finished.out);
  const std::string names = git_output(
      path_, {"for-each-ref", "--format=%(refname:lstrip=2)", "refs/tags", "refs/heads"});
  std::vector<std::string> known;
  for (const std::string_view name : base::lines_of(names))
    known.emplace_back(name);
  const bool shallow = std::filesystem::exists(common_dir_ / "shallow");
  throw base::UsageError(fmt::format(
      "unknown revision '{}' in {}{}{}", base::printable(revision), path_.string(),
      base::did_you_mean(revision, known),
      shallow ? "; the clone is shallow, `git fetch --unshallow` brings the older commits" : ""));
}

std::string Tree::tree_id(const std::string& sha) const {
  return one_line(git_output(path_, {"rev-parse", "--verify", sha + "^{tree}"}));
}

std::string Tree::object_id(const std::string& sha, const std::string& path) const {
  return cat_file(path_, sha + ":" + path, false).id;
}

std::string Tree::config_id(const std::string& sha) const {
  const std::string files = git_output(path_, {"ls-tree", "-r", sha});
  std::string sources;
  for (const std::string_view line : base::lines_of(files))
    if (is_config_source(line.substr(line.find('\t') + 1)))
      sources.append(line).append("\n");
  return base::sha256(sources);
}

Commit Tree::commit(const std::string& sha) const {
  const std::string out =
      git_output(path_, {"log", "-1", "--no-decorate", "--encoding=UTF-8",
                         "--format=%H%x00%s%x00%an <%ae>%x00%ad%x00%B", "--date=default", sha});
  const std::vector<std::string> fields = base::split(out, '\0');
  ASSERT(fields.size() == 5);
  return {fields[0], fields[1], fields[2], fields[3], one_line(fields[4])};
}

std::string Tree::diffstat(const std::string& sha) const {
  return git_output(path_, {"show", "--first-parent", "--format=", "--stat=80", "--no-ext-diff",
                            "--no-textconv", "--find-renames", sha});
}

bool Tree::is_ancestor(const std::string& ancestor, const std::string& sha) const {
  const base::Finished finished = run_git(path_, {"merge-base", "--is-ancestor", ancestor, sha});
  const int code = finished.status.exit_code().value_or(-1);
  if (code != 0 && code != 1)
    throw base::Error(fmt::format("git merge-base {} {} in {}: {}", ancestor, sha, path_.string(),
                                  git_complaint(finished)));
  return code == 0;
}

std::vector<std::string> Tree::releases(const std::string& sha, const std::string& pattern) const {
  std::map<std::string, std::vector<std::string>, std::less<>> tags; // by commit
  const std::string refs =
      git_output(path_, {"for-each-ref", "--merged=" + sha, "--sort=-version:refname",
                         "--format=%(objectname) %(*objectname) %(refname:lstrip=2)", "refs/tags"});
  for (const std::string_view line : base::lines_of(refs)) {
    const std::vector<std::string> fields = base::split(line, ' ');
    if (fields.size() == 3 && base::matches_glob(pattern, fields[2]))
      tags[fields[1].empty() ? fields[0] : fields[1]].push_back(fields[2]);
  }
  std::vector<std::string> found;
  const std::string history =
      git_output(path_, {"log", "--topo-order", "--simplify-by-decoration", "--format=%H",
                         "--decorate=full", "--decorate-refs=refs/tags/*", sha});
  for (const std::string_view commit : base::lines_of(history))
    if (const auto at = tags.find(commit); at != tags.end())
      found.insert(found.end(), at->second.begin(), at->second.end());
  return found;
}

std::string Tree::show(const std::string& sha, const std::string& path) const {
  return cat_file(path_, sha + ":" + path, true).content;
}

} // namespace harness
