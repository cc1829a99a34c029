#include "harness/cli/session.hpp"

#include <cstdlib>

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

std::unique_ptr<Backend> open_backend(const Job& job, const base::Warden& warden) {
  return make_backend(job.backend, warden.folder(), backend_cache());
}

} // namespace harness::cli
