// What a guest's CPUs say of themselves (Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E).
#pragma once

#include <array>
#include <cstdint>
#include <linux/kvm.h>

namespace vmm {

// struct kvm_cpuid2 with room. In C++ the header's own flexible array takes part in the size, which
// is wrong by four bytes and so makes a wrong ioctl number; the right size is that of two u32.
struct CpuidTable {
  std::uint32_t count = 256;
  std::uint32_t padding = 0;
  std::array<struct kvm_cpuid_entry2, 256> entries{};

  // The entry of a leaf (and subleaf 0); null where the table has none.
  const struct kvm_cpuid_entry2* find(std::uint32_t leaf) const;
  struct kvm_cpuid_entry2* find(std::uint32_t leaf);
  bool has_xsave() const;
};

// The table of one vCPU out of what KVM supports: APIC id `index` of `cpus`, each its own core of
// one package; under a hypervisor; with the TSC deadline timer, which KVM emulates and which spares
// the guest the calibration of its APIC; without what a guest of ours cannot use: PMU, MONITOR,
// nested virtualization, memory encryption.
CpuidTable vcpu_cpuid(const CpuidTable& supported, unsigned index, unsigned cpus,
                      bool tsc_deadline);

} // namespace vmm
