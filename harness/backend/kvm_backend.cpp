#include "harness/backend/kvm_backend.hpp"

#include "harness/backend/command_line.hpp"
#include "harness/backend/kernel_cache.hpp"
#include "harness/backend/kvm_guest.hpp"
#include "vmm/base/error.hpp"

namespace harness {

namespace {

namespace fs = std::filesystem;

class KvmBackend : public Backend {
 public:
  explicit KvmBackend(fs::path cache) : cache_(std::move(cache)) {
    capabilities_.name = "kvm";
    capabilities_.nmi = true;
    capabilities_.inspect = true;
    capabilities_.clones = true;
  }

  const Capabilities& capabilities() const override { return capabilities_; }

  std::unique_ptr<Guest> boot(const BootSpec& spec) override {
    vmm::MachineSpec machine;
    machine.kernel = spec.vmlinux.empty() ? unpacked_kernel(spec.bzimage, cache_) : spec.vmlinux;
    machine.initrd = spec.initramfs;
    machine.command_line = command_line(spec.append, Hypervisor::krepro);
    machine.cpus = spec.cpus;
    machine.memory = spec.memory;
    return std::make_unique<KvmGuest>(machine);
  }

  std::unique_ptr<Guest> clone(const std::shared_ptr<const Snapshot>& snapshot) override {
    auto own = std::dynamic_pointer_cast<const KvmSnapshot>(snapshot);
    ASSERT(own != nullptr);
    return std::make_unique<KvmGuest>(std::move(own));
  }

 private:
  fs::path cache_;
  Capabilities capabilities_;
};

} // namespace

std::unique_ptr<Backend> make_kvm_backend(const fs::path& cache) {
  return std::make_unique<KvmBackend>(cache);
}

} // namespace harness
