// Whether this machine's /dev/kvm can be used, asked once a boot.
#pragma once

#include <filesystem>

#include "vmm/probe.hpp"

namespace harness {

// vmm::probe_kvm(), with its answer kept in the cache until the machine boots again. "Not usable"
// because /dev/kvm cannot be opened is asked again each time. Never throws.
vmm::KvmProbe kvm_probe(const std::filesystem::path& cache);

} // namespace harness
