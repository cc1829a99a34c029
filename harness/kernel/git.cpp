#include "harness/kernel/git.hpp"

#include <unistd.h>

#include <fmt/format.h>

#include "vmm/base/error.hpp"
#include "vmm/base/text.hpp"

namespace harness {

namespace {

constexpr int not_found = 127; // env's exit code for a program that is not there

// `env -u` for each GIT_* variable that is set.
std::vector<std::string> env_prefix() {
  std::vector<std::string> argv{"env"};
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view setting(*entry);
    if (setting.substr(0, 4) != "GIT_")
      continue;
    argv.emplace_back("-u");
    argv.emplace_back(setting.substr(0, setting.find('=')));
  }
  return argv;
}

} // namespace

base::Command git_command(const std::filesystem::path& folder,
                          const std::vector<std::string>& args) {
  base::Command command;
  command.argv = env_prefix();
  for (const char* setting : {"GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0",
                              "GIT_ALLOW_PROTOCOL=none", "GIT_NO_REPLACE_OBJECTS=1", "LC_ALL=C"})
    command.argv.emplace_back(setting);
  for (const char* word :
       {"git", "--no-pager", "-c", "color.ui=false", "-c", "log.showSignature=false", "-c",
        "core.fsmonitor=false", "-c", "core.quotePath=false", "-C"})
    command.argv.emplace_back(word);
  command.argv.push_back(folder.string());
  command.argv.insert(command.argv.end(), args.begin(), args.end());
  return command;
}

base::Finished run_git(const std::filesystem::path& folder, const std::vector<std::string>& args,
                       const std::string& input) {
  base::Command command = git_command(folder, args);
  command.input = input;
  base::Finished finished = base::run_command(command);
  if (finished.status.exit_code() == not_found)
    throw base::Error("git is not installed; next step: apt-get install git");
  return finished;
}

std::string git_output(const std::filesystem::path& folder, const std::vector<std::string>& args,
                       const std::string& input) {
  base::Finished finished = run_git(folder, args, input);
  if (!finished.status.success())
    throw base::Error(
        fmt::format("git {} in {}: {}", args.front(), folder.string(), git_complaint(finished)));
  return std::move(finished.out);
}

std::string git_complaint(const base::Finished& finished) {
  std::string first;
  for (const std::string_view line : base::lines_of(finished.err)) {
    for (const std::string_view mark : {"fatal: ", "error: "})
      if (line.substr(0, mark.size()) == mark)
        return base::printable(line.substr(mark.size()));
    if (first.empty())
      first = base::printable(base::trim(line));
  }
  return first.empty() ? finished.status.text() : first;
}

} // namespace harness
