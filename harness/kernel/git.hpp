// The git command, run so that neither the caller's environment nor its git configuration changes
// what it does.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "vmm/base/child.hpp"

namespace harness {

// `git -C folder ARGS`. No GIT_* variable of the environment is seen (krepro may run inside `git
// bisect run` or a hook), no index is refreshed, nothing is fetched (a partial clone stays as it
// is), replace refs are ignored, output is in English and without colour.
base::Command git_command(const std::filesystem::path& folder,
                          const std::vector<std::string>& args);

// Runs it; a non-zero status is a value. Throws base::Error where git is not installed.
base::Finished run_git(const std::filesystem::path& folder, const std::vector<std::string>& args,
                       const std::string& input = {});

// Runs it and returns standard output. Throws base::Error with git's own first line of complaint.
std::string git_output(const std::filesystem::path& folder, const std::vector<std::string>& args,
                       const std::string& input = {});

// The first line of what git printed that says why it failed, without "fatal: ".
std::string git_complaint(const base::Finished& finished);

} // namespace harness
