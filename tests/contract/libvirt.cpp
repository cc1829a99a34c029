#include "tests/contract/contract.hpp"

namespace contract {

// Without what an earlier session learned about QEMU: the first boot has to cope.
std::unique_ptr<harness::Backend> make_contract_backend(const std::filesystem::path& folder) {
  return harness::make_backend("libvirt", folder, folder / "cache");
}

} // namespace contract
