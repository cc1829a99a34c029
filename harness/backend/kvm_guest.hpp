// A guest on krepro's own machine.
#pragma once

#include <memory>

#include "harness/backend/backend.hpp"
#include "harness/backend/kvm_snapshot.hpp"
#include "vmm/machine.hpp"

namespace harness {

class KvmGuest : public Guest {
 public:
  // Starts it. Throws base::UsageError for a kernel that cannot be booted, base::Error where KVM
  // refuses.
  explicit KvmGuest(const vmm::MachineSpec& spec);
  // Starts a clone.
  explicit KvmGuest(std::shared_ptr<const KvmSnapshot> origin);
  KvmGuest(const KvmGuest&) = delete;
  KvmGuest& operator=(const KvmGuest&) = delete;
  ~KvmGuest() override;

  using Guest::poll;
  GuestOutput poll(std::chrono::milliseconds timeout, int input) override;
  void send(std::string_view bytes) override { machine_->send(vmm::Port::channel, bytes); }
  void type(std::string_view bytes) override { machine_->send(vmm::Port::console, bytes); }
  void inject_nmi() override { machine_->inject_nmi(); }
  void pause() override;
  void resume() override;
  std::vector<CpuRegisters> registers() override;
  bool read_memory(std::uint64_t address, std::span<std::uint8_t> to) override;
  std::shared_ptr<const Snapshot> snapshot() override;
  void stop() override;
  std::map<std::string, std::uint64_t> exits() const override { return machine_->exits(); }

 private:
  void wait(std::chrono::milliseconds timeout, int input) const;

  std::shared_ptr<const KvmSnapshot> origin_; // null: it was booted
  std::unique_ptr<vmm::Machine> machine_;
  bool held_ = false;
};

} // namespace harness
