// Small git repositories for tests.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "vmm/base/child.hpp"
#include "vmm/base/files.hpp"

namespace test {

namespace fs = std::filesystem;

inline std::string git(const fs::path& folder, const std::vector<std::string>& args) {
  base::Command command;
  command.argv = {"git",
                  "-c",
                  "user.name=Ada",
                  "-c",
                  "user.email=ada@example.org",
                  "-c",
                  "init.defaultBranch=main",
                  "-c",
                  "protocol.file.allow=always",
                  "-c",
                  "commit.gpgsign=false",
                  "-C",
                  folder.string()};
  command.argv.insert(command.argv.end(), args.begin(), args.end());
  command.env = {{"GIT_AUTHOR_DATE", "2024-01-01T00:00:00Z"},
                 {"GIT_COMMITTER_DATE", "2024-01-01T00:00:00Z"}};
  std::string out = base::check_output(command);
  while (!out.empty() && out.back() == '\n')
    out.pop_back();
  return out;
}

// A repository in a folder of its own, gone at the end.
class Repository {
 public:
  Repository() : folder_(fs::temp_directory_path(), "krepro-test-") {
    fs::create_directory(path());
    run({"init", "-q"});
  }
  fs::path path() const { return folder_.path() / "linux"; }
  fs::path folder() const { return folder_.path(); }
  std::string run(const std::vector<std::string>& args) const { return git(path(), args); }
  void write(const std::string& name, const std::string& text) const {
    base::write_file(path() / name, text);
  }
  // Commits all files; returns the id.
  std::string commit(const std::string& message) const {
    run({"add", "-A"});
    run({"commit", "-q", "--allow-empty", "-m", message});
    return run({"rev-parse", "HEAD"});
  }

 private:
  base::TempDir folder_;
};

// Name, time and content of each file below a folder.
inline std::map<std::string, std::string> snapshot(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file())
      files[entry.path().string()] =
          std::to_string(entry.last_write_time().time_since_epoch().count()) + " " +
          base::sha256(base::read_file(entry.path()));
    else
      files[entry.path().string()] = "not a file";
  return files;
}

} // namespace test
