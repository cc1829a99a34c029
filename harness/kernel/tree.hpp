// The user's git tree, read only: questions to it, and a checkout of our own beside it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace harness {

struct Commit {
  std::string sha; // 40 hex digits
  std::string subject;
  std::string author;  // "Name <mail>"
  std::string date;    // as git log prints it
  std::string message; // whole
};

// A git repository (work tree, bare, linked worktree or shallow clone). Nothing in it is ever
// written: no file, ref, index change. Throws base::UsageError where path is none.
class Tree {
 public:
  explicit Tree(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  // The repository's folder (of the main repository for a linked worktree), without symbolic links.
  const std::filesystem::path& common_dir() const { return common_dir_; }
  const std::filesystem::path& objects_dir() const { return objects_dir_; }
  // "sha1" or "sha256".
  const std::string& object_format() const { return object_format_; }
  // Some objects may be with a remote only.
  bool is_partial() const;
  // Full commit id of a revision. Throws base::UsageError naming the revision and the nearest tag.
  std::string resolve(const std::string& revision) const;
  // Id of the tree object of a commit.
  std::string tree_id(const std::string& sha) const;
  // Id of a file or folder at a commit; "" when it is not there.
  std::string object_id(const std::string& sha, const std::string& path) const;
  // One id for all files that the build configuration comes from: Kconfig files, the default
  // configurations and scripts/. Commits with the same id and version get the same .config.
  std::string config_id(const std::string& sha) const;
  Commit commit(const std::string& sha) const;
  // "1 file changed, ..." with the file lines, as `git show --stat`.
  std::string diffstat(const std::string& sha) const;
  bool is_ancestor(const std::string& ancestor, const std::string& sha) const;
  // Tags that match a shell pattern and are ancestors of sha (sha's own tag included), newest first
  // in history order. The pattern is a shell's, over the tag's name.
  std::vector<std::string> releases(const std::string& sha, const std::string& pattern) const;
  // Recipients for a report about a commit: author, trailers (*-by:, Cc:),
  // scripts/get_maintainer.pl of the checkout where it is there. "Name <mail>", unique, in that
  // order.
  std::vector<std::string> recipients(const std::string& sha,
                                      const std::filesystem::path& checkout) const;
  // The file's content at a commit; "" when it is not there.
  std::string show(const std::string& sha, const std::string& path) const;

 private:
  std::filesystem::path path_;
  std::filesystem::path common_dir_;
  std::filesystem::path objects_dir_;
  std::string object_format_;
};

} // namespace harness
