// Kernel modules that a job names, with what they need, found on the host.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace harness {

struct Module {
  std::string name;           // with underscores, as /proc/modules prints it
  std::filesystem::path file; // unpacked .ko
};

// The named modules and those they depend on (modinfo's "depends"), in loading order. Found
// anywhere below folder (a /lib/modules/<release>, no modules.dep needed); .ko.xz, .ko.zst and
// .ko.gz are unpacked into scratch. Throws base::UsageError naming a module that is not there and
// the nearest one that is, base::Error where one cannot be read.
std::vector<Module> find_modules(const std::vector<std::string>& names,
                                 const std::filesystem::path& folder,
                                 const std::filesystem::path& scratch);

} // namespace harness
