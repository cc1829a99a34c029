#include "harness/kernel/make.hpp"

#include <unistd.h>

#include <fmt/format.h>

#include "harness/kernel/make_log.hpp"
#include "vmm/base/error.hpp"

namespace harness {

namespace {

// What builds need of the environment; KREPRO_* marks the session's processes.
bool is_kept(std::string_view setting) {
  for (const std::string_view name : {"PATH=", "HOME=", "TMPDIR=", "USER=", "LOGNAME="})
    if (setting.substr(0, name.size()) == name)
      return true;
  return setting.substr(0, 7) == "KREPRO_" || setting.substr(0, 7) == "CCACHE_";
}

std::vector<std::string> clean_environment() {
  std::vector<std::string> argv{"env", "-i", "LC_ALL=C"};
  for (char** entry = environ; *entry != nullptr; ++entry)
    if (is_kept(*entry))
      argv.emplace_back(*entry);
  return argv;
}

std::string replace_all(std::string text, std::string_view what, const std::string& with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
    text.replace(at, what.size(), with);
  return text;
}

} // namespace

std::vector<std::string> make_variables(const Toolchain& toolchain, const Compiler& compiler) {
  std::vector<std::string> variables{"KBUILD_BUILD_TIMESTAMP=Thu Jan  1 00:00:00 UTC 1970",
                                     "KBUILD_BUILD_USER=krepro",
                                     "KBUILD_BUILD_HOST=krepro",
                                     "KBUILD_BUILD_VERSION=1",
                                     "LOCALVERSION=",
                                     "CC=" + compiler.program.string()};
  for (const auto& [name, value] : toolchain.make)
    variables.push_back(name + "=" + replace_all(value, "{compiler}", compiler.program.string()));
  return variables;
}

base::Finished run_make(const MakeSetup& setup, const std::vector<std::string>& targets,
                        const std::function<void(const std::string&)>& on_progress) {
  base::Command command;
  command.argv = clean_environment();
  for (const std::string& word : {std::string("make"), std::string("-C"), setup.source.string(),
                                  "O=" + setup.objects.string(), fmt::format("-j{}", setup.jobs)})
    command.argv.push_back(word);
  command.argv.insert(command.argv.end(), setup.variables.begin(), setup.variables.end());
  command.argv.insert(command.argv.end(), targets.begin(), targets.end());
  command.log = setup.log;
  command.merge_stderr = true;
  if (on_progress)
    command.on_line = [&](std::string_view line) {
      if (const std::optional<std::string> progress = progress_of(line))
        on_progress(*progress);
    };
  base::Finished finished = base::run_command(command);
  if (finished.status.exit_code() == 127)
    throw base::Error("make is not installed; next step: apt-get install make");
  return finished;
}

} // namespace harness
