#include "tests/contract/contract.hpp"

#include "vmm/base/files.hpp"

namespace contract {

std::unique_ptr<harness::Backend> make_contract_backend(const std::filesystem::path& folder) {
  return harness::make_backend("libvirt", folder, base::cache_home() / "backend");
}

} // namespace contract
