#include "harness/report/maintainers.hpp"

#include <chrono>
#include <system_error>

#include "vmm/base/child.hpp"
#include "vmm/base/error.hpp"
#include "vmm/base/log.hpp"
#include "vmm/base/text.hpp"

namespace harness {

std::vector<std::string> maintainers_of(const std::filesystem::path& tree,
                                        const std::string& file) {
  std::vector<std::string> people;
  std::error_code ignored;
  if (tree.empty() || file.empty() ||
      !std::filesystem::exists(tree / "scripts/get_maintainer.pl", ignored) ||
      !std::filesystem::exists(tree / file, ignored))
    return people;
  base::Command command;
  command.argv = {"perl", "scripts/get_maintainer.pl", "--nogit", "--nogit-fallback", "-f", file};
  command.cwd = tree;
  command.deadline = std::chrono::seconds(30);
  try {
    const base::Finished finished = base::run_command(command);
    if (finished.status.success())
      for (const std::string_view line : base::lines_of(finished.out))
        if (!base::trim(line).empty())
          people.push_back(base::printable(line));
    if (!finished.status.success())
      base::log("report", base::LogLevel::warn, "get_maintainer.pl failed on {}: {}", file,
                base::printable(base::trim(finished.err)));
  } catch (const base::SysError& error) {
    base::log("report", base::LogLevel::warn, "get_maintainer.pl: {}", error.what());
  }
  return people;
}

} // namespace harness
