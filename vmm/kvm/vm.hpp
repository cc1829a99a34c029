// A virtual machine of KVM, and /dev/kvm itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "vmm/base/fd.hpp"
#include "vmm/kvm/cpuid.hpp"
#include "vmm/kvm/state.hpp"
#include "vmm/kvm/vcpu.hpp"

namespace vmm {

// /dev/kvm. Throws base::SysError where it cannot be opened, base::Error where its API version is
// another.
class Kvm {
 public:
  Kvm();
  // A KVM_CAP_* value; 0: it is not there.
  int extension(int capability) const;
  CpuidTable supported_cpuid() const;
  std::size_t run_size() const; // bytes of a vCPU's shared pages
  // For Vcpu::save.
  std::size_t xsave_size() const; // bytes
  std::vector<std::uint32_t> msr_indexes() const;
  const base::Fd& fd() const { return fd_; }

 private:
  base::Fd fd_;
};

// Throws base::SysError where KVM refuses.
class Vm {
 public:
  explicit Vm(const Kvm& kvm);
  // Guest-physical memory [address, address + size) is the host's from `host` on, which must
  // outlive this. All slots before create_interrupt_controllers(): the other order costs
  // milliseconds.
  void set_memory(unsigned slot, std::uint64_t address, std::uint8_t* host, std::size_t size);
  // PICs, I/O APIC, a local APIC for each vCPU made after it, and the PIT, all in the kernel.
  void create_interrupt_controllers();
  Vcpu create_vcpu(unsigned index, std::size_t run_size) const;
  // The interrupt controllers but the vCPUs' own, the PIT, and kvm-clock.
  VmState save() const;
  // After the vCPUs' restore(), before any of them runs.
  void restore(const VmState& state) const;
  // An interrupt line of the I/O APIC and the PICs. Any thread.
  void set_irq(unsigned line, bool level) const;

 private:
  base::Fd fd_;
};

} // namespace vmm
