// make, run on a kernel tree.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "harness/kernel/toolchain.hpp"
#include "vmm/base/child.hpp"

namespace harness {

struct MakeSetup {
  std::filesystem::path source;
  std::filesystem::path objects;
  std::vector<std::string> variables; // "CC=/usr/bin/gcc"
  unsigned jobs = 1;
  std::filesystem::path log; // what make prints goes to its end
};

// The variables of a make call: the toolchain's, and those that make builds repeatable (time, user,
// host, build number, no local version).
std::vector<std::string> make_variables(const Toolchain& toolchain, const Compiler& compiler);

// Runs make with a small, fixed environment: any variable of the caller's would be one of make's. A
// failed make is a value. Throws base::Error where make is not installed, base::Interrupted.
base::Finished run_make(const MakeSetup& setup, const std::vector<std::string>& targets,
                        const std::function<void(const std::string&)>& on_progress = {});

} // namespace harness
