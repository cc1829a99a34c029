// What this machine can do for krepro, what is missing, and the mend.
#include <cstdio>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "harness/cli/commands.hpp"
#include "harness/cli/session.hpp"
#include "vmm/base/child.hpp"
#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"
#include "vmm/base/text.hpp"
#include "vmm/probe.hpp"

namespace harness::cli {

namespace {

struct Finding {
  std::string name;
  bool ok = false;
  std::string detail;
  std::string mend; // the next step; empty where nothing is to be mended
};

constexpr double gibibyte = 1u << 30;
constexpr double space_wanted = 5; // GiB: a tree's checkout, its objects and a dozen kernels

// The first line that a program prints of its version.
Finding program(const std::vector<std::string>& argv, const std::string& mend) {
  Finding finding{argv[0], false, "not found", mend};
  try {
    base::Command command;
    command.argv = argv;
    const base::Finished finished = base::run_command(command);
    const std::vector<std::string_view> lines = base::lines_of(base::trim(finished.out));
    finding.ok = finished.status.success() && !lines.empty();
    finding.detail = lines.empty() ? finished.status.text() : base::printable(lines.front());
  } catch (const base::SysError& error) {
    finding.detail = error.what();
  }
  if (finding.ok)
    finding.mend.clear();
  return finding;
}

Finding kvm() {
  const vmm::KvmProbe probe = vmm::probe_kvm();
  return {"kvm", probe.usable, probe.reason,
          probe.usable ? "" : "guests run in QEMU's emulation: slower, same results"};
}

Finding libvirt() {
  try {
    const base::Warden warden;
    const std::unique_ptr<Backend> backend =
        make_backend("auto", warden.folder(), base::cache_home() / "backend");
    return {"libvirt", true, backend->capabilities().name, ""};
  } catch (const base::Error& error) {
    return {"libvirt", false, error.what(), "images/install guest"};
  }
}

Finding data() {
  try {
    return {"data", true, images_folder().string(), ""};
  } catch (const base::Error& error) {
    return {"data", false, error.what(),
            "run krepro from its build tree, install it, or set KREPRO_IMAGES"};
  }
}

Finding space() {
  std::filesystem::path folder = base::cache_home();
  while (!std::filesystem::exists(folder))
    folder = folder.parent_path();
  const double free = static_cast<double>(std::filesystem::space(folder).available) / gibibyte;
  return {
      "space", free >= space_wanted,
      fmt::format("{:.0f} GiB free in {}", free, base::cache_home().string()),
      free >= space_wanted
          ? ""
          : fmt::format("make room: {:.0f} GiB are enough, or set XDG_CACHE_HOME", space_wanted)};
}

} // namespace

int doctor() {
  // libvirt's warden forks: before anything that starts threads.
  std::vector<Finding> findings{libvirt(), kvm(), data(), space()};
  findings.push_back(program({"qemu-system-x86_64", "--version"}, "images/install guest"));
  for (const char* tool : {"git", "make", "gcc", "ld", "flex", "bison", "bc", "perl"})
    findings.push_back(program({tool, "--version"}, "images/install kernel"));
  bool able = true;
  for (const Finding& finding : findings) {
    const bool needed = finding.name != "kvm";
    able = able && (finding.ok || !needed);
    fmt::print("{:<8} {:<20} {}\n",
               finding.ok ? "ok"
               : needed   ? "missing"
                          : "no",
               finding.name, finding.detail);
    if (!finding.mend.empty())
      fmt::print("{:<8} {:<20} -> {}\n", "", "", finding.mend);
  }
  return able ? exit_good : exit_infrastructure;
}

} // namespace harness::cli
