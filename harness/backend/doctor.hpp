// What this machine can do for guests, for `krepro doctor`.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace harness {

struct Check {
  std::string name; // "kvm", "qemu", "libvirt"
  bool ok = false;
  bool needed = true; // krepro cannot run guests without it
  std::string detail; // one line: what was found
  std::string mend;   // one line: what to do; empty when ok
};

// folder: the session's. cache: as in make_backend. Takes some seconds the first time (QEMU is
// asked what it can do). Never throws for what it finds.
std::vector<Check> check_guests(const std::filesystem::path& folder,
                                const std::filesystem::path& cache);

} // namespace harness
