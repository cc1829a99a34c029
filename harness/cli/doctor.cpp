// What this machine can do for krepro, what is missing, and the mend.
#include <cstdio>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "harness/backend/doctor.hpp"
#include "harness/cli/commands.hpp"
#include "harness/cli/session.hpp"
#include "vmm/base/child.hpp"
#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"
#include "vmm/base/text.hpp"

namespace harness::cli {

namespace {

constexpr double gibibyte = 1u << 30;
constexpr double space_wanted = 5; // GiB: a tree's checkout, its objects and a dozen kernels

// What a program of the kernel's build says of its version.
Check program(const std::string& name) {
  Check check{name, false, true, "not found", "images/install kernel"};
  try {
    base::Command command;
    command.argv = {name, "--version"};
    const base::Finished finished = base::run_command(command);
    const std::vector<std::string_view> lines = base::lines_of(base::trim(finished.out));
    check.ok = finished.status.success() && !lines.empty();
    check.detail = lines.empty() ? finished.status.text() : base::printable(lines.front());
  } catch (const base::SysError& error) {
    check.detail = error.what();
  }
  if (check.ok)
    check.mend.clear();
  return check;
}

Check data() {
  try {
    return {"data", true, true, images_folder().string(), ""};
  } catch (const base::Error& error) {
    return {"data", false, true, error.what(),
            "run krepro from its build tree, install it, or set KREPRO_IMAGES"};
  }
}

Check space() {
  std::filesystem::path folder = base::cache_home();
  while (!std::filesystem::exists(folder))
    folder = folder.parent_path();
  const double free = static_cast<double>(std::filesystem::space(folder).available) / gibibyte;
  Check check{"space", free >= space_wanted, true,
              fmt::format("{:.0f} GiB free in {}", free, base::cache_home().string()), ""};
  if (!check.ok)
    check.mend =
        fmt::format("make room: {:.0f} GiB are enough, or set XDG_CACHE_HOME", space_wanted);
  return check;
}

} // namespace

int doctor() {
  std::vector<Check> checks;
  {
    const base::Warden warden;
    checks = check_guests(warden.folder(), backend_cache());
  }
  checks.push_back(data());
  checks.push_back(space());
  for (const char* tool : {"git", "make", "gcc", "ld", "flex", "bison", "bc", "perl"})
    checks.push_back(program(tool));
  bool able = true;
  for (const Check& check : checks) {
    able = able && (check.ok || !check.needed);
    fmt::print("{:<8} {:<8} {}\n",
               check.ok       ? "ok"
               : check.needed ? "missing"
                              : "no",
               check.name, check.detail);
    if (!check.mend.empty())
      fmt::print("{:<8} {:<8} -> {}\n", "", "", check.mend);
  }
  return able ? exit_good : exit_infrastructure;
}

} // namespace harness::cli
