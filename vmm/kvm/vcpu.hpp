// One virtual CPU of KVM.
#pragma once

#include <cstdint>
#include <linux/kvm.h>
#include <span>
#include <string>
#include <vector>

#include "vmm/base/fd.hpp"
#include "vmm/base/mapping.hpp"
#include "vmm/kvm/cpuid.hpp"
#include "vmm/kvm/exit.hpp"
#include "vmm/kvm/state.hpp"

namespace vmm {

// All calls but interrupt() come from one thread at a time: KVM makes the others wait while the
// vCPU runs. Throws base::SysError where KVM refuses.
class Vcpu {
 public:
  Vcpu(base::Fd fd, std::size_t run_size);

  // Runs until the guest needs user space, or interrupt(). The exit's data is valid until the next
  // call.
  Exit run();
  // Makes run() return `interrupted`, after it has completed the last exit (its data reaches the
  // guest's registers only then), the one under way only together with a signal to its thread.
  // Holds until let_run(). Any thread.
  void interrupt();
  void let_run();

  struct kvm_regs regs() const;
  void set_regs(const struct kvm_regs& regs);
  struct kvm_sregs sregs() const;
  void set_sregs(const struct kvm_sregs& sregs);
  void set_cpuid(const CpuidTable& table);
  void set_msrs(std::span<const Msr> msrs);
  // LINT0 as the PIC's line, LINT1 as NMI: what firmware leaves behind.
  void connect_local_interrupts();
  // Waits for an interrupt, or for its start.
  bool halted() const;
  // The next run() takes it.
  void inject_nmi();

  // What restore() needs but the CPUID table. No exit may be open: run() must have returned
  // `interrupted`. xsave_size: Kvm::xsave_size(); msrs: Kvm::msr_indexes().
  VcpuState save(std::size_t xsave_size, const std::vector<std::uint32_t>& msrs) const;
  // Of a vCPU with the same CPUID table, which may have run before. tsc: the same for all vCPUs of
  // a guest, that they do not drift apart. Throws base::Error where an MSR is not taken.
  void restore(const VcpuState& state, std::uint64_t tsc);

 private:
  struct kvm_run& page() const;
  std::size_t try_set_msrs(std::span<const Msr> msrs);
  void restore_msrs(std::span<const Msr> msrs);
  bool holds(const Msr& msr) const;
  std::vector<Msr> read_msrs(std::span<const std::uint32_t> indexes) const;

  base::Fd fd_;
  base::Mapping run_;
};

// IA32_TSC of a saved vCPU.
std::uint64_t tsc_of(const VcpuState& state);

} // namespace vmm
