// What the subcommands that start guests or builds set up first.
#pragma once

#include <filesystem>
#include <memory>

#include "harness/backend/backend.hpp"
#include "harness/cli/commands.hpp"
#include "harness/job/job.hpp"
#include "harness/kernel/build.hpp"
#include "vmm/base/warden.hpp"

namespace harness::cli {

// krepro's data folder: $KREPRO_IMAGES, else share/krepro/images beside the program's folder, else
// images/ in a folder above it (a build tree). Throws base::Error where there is none.
std::filesystem::path images_folder();

// The job with the command line's changes.
Job load_job(const Common& common);

KernelSpec kernel_spec(const Job& job);

// Where backends keep what they learn about this machine.
std::filesystem::path backend_cache();

// How many guests at once: what -j says, else one a CPU, as far as there is memory for them.
unsigned guests_at_once(const Common& common, const Job& job);

std::unique_ptr<Backend> open_backend(const Job& job, const base::Warden& warden);

} // namespace harness::cli
