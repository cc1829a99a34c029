// One virtual CPU of KVM.
#pragma once

#include <cstdint>
#include <linux/kvm.h>
#include <string>
#include <vector>

#include "vmm/base/fd.hpp"
#include "vmm/base/mapping.hpp"
#include "vmm/kvm/cpuid.hpp"
#include "vmm/kvm/exit.hpp"

namespace vmm {

struct Msr {
  std::uint32_t index;
  std::uint64_t value;
};

// All calls but interrupt() come from one thread at a time: KVM makes the others wait while the
// vCPU runs. Throws base::SysError where KVM refuses.
class Vcpu {
 public:
  Vcpu(base::Fd fd, std::size_t run_size);

  // Runs until the guest needs user space, or interrupt(). The exit's data is valid until the next
  // call.
  Exit run();
  // Makes run() return `interrupted`, the one under way only together with a signal to its thread.
  // Holds until let_run(). Any thread.
  void interrupt();
  void let_run();
  // Completes the last exit (its data reaches the guest's registers) without running the guest.
  void complete_exit();

  struct kvm_regs regs() const;
  void set_regs(const struct kvm_regs& regs);
  struct kvm_sregs sregs() const;
  void set_sregs(const struct kvm_sregs& sregs);
  void set_cpuid(const CpuidTable& table);
  void set_msrs(const std::vector<Msr>& msrs);
  // LINT0 as the PIC's line, LINT1 as NMI: what firmware leaves behind.
  void connect_local_interrupts();
  // The next run() takes it.
  void inject_nmi();

 private:
  struct kvm_run& page() const;

  base::Fd fd_;
  base::Mapping run_;
};

} // namespace vmm
