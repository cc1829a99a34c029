// Guests through libvirt, by default through its driver inside this process.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "harness/backend/backend.hpp"

namespace harness {

// uri: empty for the embedded driver. folder: the session's. cache: as in make_backend. Connects at
// the first boot. Throws base::UsageError for a URI that is not supported.
std::unique_ptr<Backend> make_libvirt_backend(const std::string& uri,
                                              const std::filesystem::path& folder,
                                              const std::filesystem::path& cache);

} // namespace harness
