#include "harness/cli/session.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <thread>

#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"

namespace harness::cli {

namespace fs = std::filesystem;

fs::path images_folder() {
  if (const char* set = std::getenv("KREPRO_IMAGES"); set != nullptr && set[0] != '\0')
    return set;
  const fs::path program = fs::read_symlink("/proc/self/exe").parent_path();
  if (fs::path installed = program.parent_path() / "share/krepro/images";
      fs::exists(installed / "toolchains.toml"))
    return installed;
  for (fs::path above = program; above != above.root_path(); above = above.parent_path())
    if (fs::exists(above / "images/toolchains.toml"))
      return above / "images";
  throw base::Error(
      "krepro's data folder images/ is not beside the program; set KREPRO_IMAGES to it");
}

Job load_job(const Common& common) {
  Job job = harness::load_job(common.job);
  if (!common.tree.empty()) {
    job.tree = fs::absolute(common.tree);
    job.image.clear();
  }
  if (!common.backend.empty())
    job.backend = common.backend;
  return job;
}

KernelSpec kernel_spec(const Job& job) {
  if (job.tree.empty())
    throw base::UsageError(
        job.file.string() +
        ": the job names an image; this needs a tree ([kernel] tree, or --tree)");
  KernelSpec spec;
  spec.tree = job.tree;
  spec.config = job.config;
  spec.images = images_folder();
  spec.cache = base::cache_home();
  return spec;
}

fs::path backend_cache() { return base::cache_home() / "backend"; }

namespace {

// Bytes that can be had without swapping (Documentation/filesystems/proc.rst, meminfo); nothing
// where the kernel does not say.
std::optional<std::uint64_t> available_memory() {
  std::ifstream in("/proc/meminfo");
  std::string key;
  for (std::uint64_t kib = 0; in >> key >> kib; in.ignore(80, '\n'))
    if (key == "MemAvailable:")
      return kib << 10;
  return std::nullopt;
}

} // namespace

// A guest that boots or hangs waits more than it computes: one a CPU, whatever it has itself.
unsigned guests_at_once(const Common& common, const Job& job) {
  if (common.jobs != 0)
    return common.jobs;
  const std::uint64_t cpus = std::max(1u, std::thread::hardware_concurrency());
  const std::uint64_t fit = available_memory().value_or(cpus * job.memory) / job.memory;
  return static_cast<unsigned>(std::clamp<std::uint64_t>(fit, 1, cpus));
}

std::unique_ptr<Backend> open_backend(const Job& job, const base::Warden& warden) {
  return make_backend(job.backend, warden.folder(), backend_cache());
}

} // namespace harness::cli
