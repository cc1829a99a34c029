// Guests on krepro's own machine, in this process.
#pragma once

#include <filesystem>
#include <memory>

#include "harness/backend/backend.hpp"

namespace harness {

// cache: as in make_backend; unpacked kernels are kept there. Nothing is opened before the first
// boot.
std::unique_ptr<Backend> make_kvm_backend(const std::filesystem::path& cache);

} // namespace harness
