#include "harness/backend/kvm_backend.hpp"

#include <fmt/format.h>

#include "harness/backend/command_line.hpp"
#include "harness/backend/kernel_cache.hpp"
#include "harness/backend/kvm_guest.hpp"
#include "vmm/base/error.hpp"
#include "vmm/snapshot_file.hpp"

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

  void save(const Snapshot& snapshot, const fs::path& file, const std::string& key,
            const std::string& note) override {
    const auto* own = dynamic_cast<const KvmSnapshot*>(&snapshot);
    ASSERT(own != nullptr);
    vmm::save_snapshot(own->state(), file, whole_key(key), note);
  }

  SavedSnapshot load(const fs::path& file, const std::string& key) override {
    std::optional<vmm::LoadedSnapshot> loaded = vmm::load_snapshot(file, whole_key(key));
    if (!loaded)
      return {};
    return {std::make_shared<const KvmSnapshot>(std::move(loaded->snapshot)),
            std::move(loaded->note)};
  }

 private:
  static std::string whole_key(const std::string& key) {
    return fmt::format("{} {} {}", key, vmm::machine_identity(),
                       command_line("", Hypervisor::krepro));
  }

  fs::path cache_;
  Capabilities capabilities_;
};

} // namespace

std::unique_ptr<Backend> make_kvm_backend(const fs::path& cache) {
  return std::make_unique<KvmBackend>(cache);
}

} // namespace harness
