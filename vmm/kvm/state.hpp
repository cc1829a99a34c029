// All that KVM holds of a guest beside its memory (Documentation/virt/kvm/api.rst).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <linux/kvm.h>
#include <vector>

#include "vmm/kvm/cpuid.hpp"

namespace vmm {

constexpr std::size_t least_xsave_size = 4096; // bytes

struct Msr {
  std::uint32_t index;
  std::uint64_t value;
};

// Plain data, so that it can be written to a file as it is.
struct VcpuRegisters {
  struct kvm_mp_state mp_state {};
  struct kvm_regs regs {};
  struct kvm_sregs sregs {};
  struct kvm_xcrs xcrs {};
  struct kvm_debugregs debugregs {};
  struct kvm_lapic_state lapic {};
  struct kvm_vcpu_events events {};
  std::uint64_t tsc_khz = 0; // 0: not known
};

struct VcpuState {
  CpuidTable cpuid;
  VcpuRegisters registers;
  std::vector<std::uint8_t> xsave; // struct kvm_xsave: Kvm::xsave_size() bytes
  std::vector<Msr> msrs;           // all that KVM lists and shows
};

struct VmState {
  std::array<struct kvm_irqchip, 3> chips{}; // PIC, PIC, I/O APIC
  struct kvm_pit_state2 pit {};
  struct kvm_clock_data clock {};
};

} // namespace vmm
