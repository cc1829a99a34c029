#include "harness/backend/backend.hpp"

#include <fmt/format.h>

#include "harness/backend/kvm_backend.hpp"
#include "harness/backend/kvm_probe.hpp"
#include "harness/backend/libvirt_backend.hpp"
#include "vmm/base/error.hpp"
#include "vmm/base/text.hpp"

namespace harness {

std::vector<CpuRegisters> Guest::registers() {
  throw base::Error("this backend does not show registers");
}

bool Guest::read_memory(std::uint64_t /*address*/, std::span<std::uint8_t> /*to*/) {
  throw base::Error("this backend does not show memory");
}

std::shared_ptr<const Snapshot> Guest::snapshot() {
  throw base::Error("this backend takes no snapshots");
}

std::unique_ptr<Guest> Backend::clone(const std::shared_ptr<const Snapshot>& /*snapshot*/) {
  throw base::Error("this backend has no clones");
}

void Backend::save(const Snapshot& /*snapshot*/, const std::filesystem::path& /*file*/,
                   const std::string& /*key*/, const std::string& /*note*/) {
  throw base::Error("this backend takes no snapshots");
}

SavedSnapshot Backend::load(const std::filesystem::path& /*file*/, const std::string& /*key*/) {
  return {};
}

std::unique_ptr<Backend> make_backend(const std::string& name, const std::filesystem::path& folder,
                                      const std::filesystem::path& cache) {
  constexpr std::string_view with_uri = "libvirt:";
  if (name == "kvm" || (name == "auto" && kvm_probe(cache).usable))
    return make_kvm_backend(cache);
  if (name == "auto" || name == "libvirt")
    return make_libvirt_backend("", folder, cache);
  if (name.size() > with_uri.size() && name.compare(0, with_uri.size(), with_uri) == 0)
    return make_libvirt_backend(name.substr(with_uri.size()), folder, cache);
  throw base::UsageError(
      fmt::format("backend '{}' is unknown; expected auto, kvm, libvirt or libvirt:URI{}", name,
                  base::did_you_mean(name, {"auto", "kvm", "libvirt"})));
}

} // namespace harness
