// A guest on krepro's own machine.
#pragma once

#include "harness/backend/backend.hpp"
#include "vmm/machine.hpp"

namespace harness {

class KvmGuest : public Guest {
 public:
  // Starts it. Throws base::UsageError for a kernel that cannot be booted, base::Error where KVM
  // refuses.
  explicit KvmGuest(const vmm::MachineSpec& spec);

  using Guest::poll;
  GuestOutput poll(std::chrono::milliseconds timeout, int input) override;
  void send(std::string_view bytes) override { machine_.send(vmm::Port::channel, bytes); }
  void type(std::string_view bytes) override { machine_.send(vmm::Port::console, bytes); }
  void inject_nmi() override { machine_.inject_nmi(); }
  void stop() override { machine_.stop(); }
  std::map<std::string, std::uint64_t> exits() const override { return machine_.exits(); }

 private:
  void wait(std::chrono::milliseconds timeout, int input) const;

  vmm::Machine machine_;
};

} // namespace harness
