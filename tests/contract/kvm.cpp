#include "tests/contract/contract.hpp"

namespace contract {

std::unique_ptr<harness::Backend> make_contract_backend(const std::filesystem::path& folder) {
  return harness::make_backend("kvm", folder, folder / "cache");
}

} // namespace contract
