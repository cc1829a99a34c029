// A guest that was prepared, kept from one session to the next.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "harness/backend/backend.hpp"
#include "harness/monitor/monitor.hpp"

namespace harness {

// Both are about speed only: what fails in them is logged, not thrown. key: as in Backend::save.
std::optional<Prepared> load_prepared(Backend& backend, const std::filesystem::path& file,
                                      const std::string& key);
void save_prepared(Backend& backend, const std::filesystem::path& file, const std::string& key,
                   const Prepared& prepared);

} // namespace harness
