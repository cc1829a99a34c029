#include <cstdio>
#include <unistd.h>

#include <fmt/format.h>

#include "harness/cli/commands.hpp"
#include "harness/cli/session.hpp"
#include "harness/output/progress.hpp"
#include "vmm/base/files.hpp"
#include "vmm/base/text.hpp"

namespace harness::cli {

namespace {

KernelSpec spec_of(const BuildOptions& options) {
  if (!options.common.job.empty())
    return kernel_spec(load_job(options.common));
  KernelSpec spec;
  spec.tree = options.common.tree.empty() ? "." : options.common.tree;
  spec.config = options.config.empty() ? default_fragments() : options.config;
  spec.images = images_folder();
  spec.cache = base::cache_home();
  return spec;
}

} // namespace

int build(const BuildOptions& options) {
  const base::Warden warden;
  Progress progress(stderr, ::isatty(STDERR_FILENO) != 0);
  Builder builder(spec_of(options));
  const std::string sha = builder.tree().resolve(options.revision);
  progress.headline("build " + sha.substr(0, 12));
  const BuildResult built =
      builder.build(sha, [&](const std::string& stage) { progress.stage(stage); });
  progress.quiet();
  if (!built.image) {
    fmt::print("build of {} failed with {}: {}\nwhole log: {}\n", sha, built.compiler,
               base::printable(built.error), built.log.string());
    return exit_bad;
  }
  fmt::print("{}\n{} with {}, {}{}\n", built.image->folder.string(), sha, built.compiler,
             base::duration_text(built.seconds), built.from_store ? " (from the store)" : "");
  return exit_good;
}

} // namespace harness::cli
