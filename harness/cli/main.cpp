// krepro's command line: the table of subcommands, and the one place where failures become words
// and exit codes.
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <functional>
#include <string>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "harness/cli/commands.hpp"
#include "harness/kernel/config.hpp"
#include "vmm/base/error.hpp"
#include "vmm/base/log.hpp"
#include "vmm/base/stop.hpp"
#include "vmm/base/text.hpp"

namespace harness::cli {
namespace {

struct Parsed {
  RunOptions run;
  BuildOptions build;
  BisectOptions bisect;
  BootOptions boot;
  ReportOptions report;
  std::function<int()> action;
};

void add_common(CLI::App& app, Common& common, bool job_required) {
  auto* job = app.add_option("JOB", common.job, "job file (TOML)");
  if (job_required)
    job->required();
  app.add_option("--tree", common.tree, "git tree of the kernel, instead of the job's");
}

void add_guests(CLI::App& app, Common& common) {
  app.add_option("--backend", common.backend,
                 "auto, kvm, libvirt or libvirt:URI, instead of the job's");
  app.add_option("--jobs,-j", common.jobs, "guests at once (default: as CPUs and memory allow)")
      ->check(CLI::Range(1u, 256u));
  app.add_flag("--fresh-boot", common.fresh_boot, "boot for each run, where clones would do");
}

void add_run(CLI::App& app, Parsed& parsed) {
  CLI::App& run = *app.add_subcommand("run", "run one reproducer against one kernel");
  RunOptions& options = parsed.run;
  add_common(run, options.common, true);
  add_guests(run, options.common);
  run.add_option("--kernel", options.kernel, "vmlinux or bzImage, instead of the job's tree");
  run.add_option("--revision,-r", options.revision, "revision of the tree (default: HEAD)");
  run.add_option("--runs,-n", options.runs, "at most that many runs; the first crash ends them")
      ->check(CLI::Range(1u, 100000u));
  run.add_flag("--json", options.json, "a run as a JSON object on standard output");
  run.add_flag("--verbose,-v", options.verbose, "tell each stage of a run as it comes");
  run.callback([&parsed] { parsed.action = [&parsed] { return cli::run(parsed.run); }; });
}

void add_build(CLI::App& app, Parsed& parsed) {
  CLI::App& build = *app.add_subcommand("build", "build a revision into the store");
  BuildOptions& options = parsed.build;
  build.add_option("REVISION", options.revision, "revision of the tree (default: HEAD)");
  build.add_option("--job", options.common.job, "take tree and config from this job");
  build.add_option("--tree", options.common.tree, "git tree of the kernel (default: .)");
  build.add_option("--config", options.config, "fragments: names in images/kernel, or files")
      ->delimiter(',');
  build.callback([&parsed] { parsed.action = [&parsed] { return cli::build(parsed.build); }; });
}

void add_bisect(CLI::App& app, Parsed& parsed) {
  CLI::App& bisect = *app.add_subcommand("bisect", "find the first bad commit");
  BisectOptions& options = parsed.bisect;
  add_common(bisect, options.common, false);
  add_guests(bisect, options.common);
  bisect.add_option("--bad", options.bad, "revision that shows the bug, instead of the job's");
  bisect.add_option("--good", options.good,
                    "revision without it (default: found by walking the releases)");
  bisect.add_option("--runs,-n", options.runs, "at most that many runs a revision")
      ->check(CLI::Range(1u, 1000u));
  bisect.add_flag("--json", options.json, "the result as JSON on standard output");
  bisect.add_flag("--restart", options.restart, "forget an unfinished bisection of this job");
  const auto part = [&](const char* name, const char* what, int (*function)()) {
    bisect.add_subcommand(name, what)->callback([&parsed, function] { parsed.action = function; });
  };
  part("status", "what the last bisection knows", bisect_status);
  part("log", "its verdicts, as git bisect log", bisect_log);
  part("undo", "take its last verdict back", bisect_undo);
  part("resume", "go on with it", bisect_resume);
  bisect.require_subcommand(0, 1);
  bisect.callback([&parsed, &bisect] {
    if (!bisect.get_subcommands().empty())
      return;
    if (parsed.bisect.common.job.empty())
      throw base::UsageError(
          "krepro bisect: no job; expected krepro bisect JOB, or status, log, undo, resume");
    parsed.action = [&parsed] { return cli::bisect(parsed.bisect); };
  });
}

void add_boot(CLI::App& app, Parsed& parsed) {
  CLI::App& boot = *app.add_subcommand("boot", "an interactive guest on the terminal");
  BootOptions& options = parsed.boot;
  boot.add_option("KERNEL", options.kernel, "vmlinux or bzImage")->required();
  boot.add_option("--initrd", options.initrd, "initramfs (default: a shell of the host's busybox)");
  boot.add_option("--append", options.append, "added to the kernel's command line");
  boot.add_option("--backend", options.backend, "auto, kvm, libvirt or libvirt:URI");
  boot.add_option("--cpus", options.cpus, "virtual CPUs")->check(CLI::Range(1u, 255u));
  boot.add_option("--memory", options.memory, "of the guest: 512M, 2G")
      ->transform(CLI::AsSizeValue(false));
  boot.callback([&parsed] { parsed.action = [&parsed] { return cli::boot(parsed.boot); }; });
}

void add_report(CLI::App& app, Parsed& parsed) {
  CLI::App& report = *app.add_subcommand("report", "the crashes in console logs, decoded");
  ReportOptions& options = parsed.report;
  report.add_option("LOG", options.logs, "console logs; - or none: standard input");
  report.add_option("--vmlinux", options.vmlinux, "the kernel of the logs: lines and inlines");
  report.add_option("--modules", options.modules,
                    "folder with its modules, with debug information");
  report.add_option("--source", options.source, "its tree: maintainers");
  CLI::Option* format =
      report.add_option("--format,-f", options.format, "text (default), json, jsonl or html")
          ->check(CLI::IsMember({"text", "json", "jsonl", "html"}));
  const auto flag = [&](const std::string& name, const char* what) {
    const auto set = [&options, name] { options.format = name; };
    return report.add_flag_callback("--" + name, set, what)->excludes(format);
  };
  CLI::Option* json = flag("json", "an object; an array of several logs'");
  flag("jsonl", "a line with an object a log, as soon as it is known")->excludes(json);
  report.callback([&parsed] { parsed.action = [&parsed] { return cli::report(parsed.report); }; });
}

int parse_and_run(int argc, char** argv) {
  Parsed parsed;
  CLI::App app(
      "boots a kernel, replays a reproducer, says what went wrong and which commit made it so",
      "krepro");
  app.set_version_flag("--version", "krepro " KREPRO_VERSION);
  app.require_subcommand(1);
  add_run(app, parsed);
  add_build(app, parsed);
  add_bisect(app, parsed);
  add_boot(app, parsed);
  add_report(app, parsed);
  app.add_subcommand("doctor", "what this machine can do and what is missing")->callback([&parsed] {
    parsed.action = doctor;
  });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0)
      return app.exit(error);
    throw base::UsageError(fmt::format("{}; see krepro --help", error.what()));
  }
  return parsed.action();
}

int complain(const char* text, int code) {
  const std::string line = fmt::format("krepro: {}\n", base::printable(text));
  std::fwrite(line.data(), 1, line.size(), stderr);
  return code;
}

// Where one of 0 to 2 is closed, the next file that is opened would take its place, and be read as
// standard input or written to by messages.
void occupy_standard_descriptors() {
  int fd = 0;
  while (fd >= 0 && fd <= STDERR_FILENO)
    fd = ::open("/dev/null", O_RDWR);
  ::close(fd);
}

int guarded(int argc, char** argv) {
  try {
    occupy_standard_descriptors();
    const char* spec = std::getenv("KREPRO_LOG");
    base::configure_log(spec != nullptr ? spec : "");
    base::install_stop_signals();
    return parse_and_run(argc, argv);
  } catch (const base::UsageError& error) {
    return complain(error.what(), exit_usage);
  } catch (const ConfigError& error) {
    return complain(error.what(), exit_cannot_judge);
  } catch (const base::Interrupted& stop) {
    return complain(stop.what(), 128 + stop.signal());
  } catch (const std::exception& error) {
    return complain(error.what(), exit_infrastructure);
  }
}

} // namespace
} // namespace harness::cli

int main(int argc, char** argv) { return harness::cli::guarded(argc, argv); }
