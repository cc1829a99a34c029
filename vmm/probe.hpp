// Whether /dev/kvm runs an unmodified kernel. On some machines it opens and creates virtual
// machines, but guest kernel code goes through KVM's instruction emulator and dies at the first
// INT3.
#pragma once

#include <string>

namespace vmm {

struct KvmProbe {
  bool usable = false;
  std::string reason; // one line: why not, or what was seen
};

// Runs a small guest that does what a kernel does and an emulator does not: port output, INT3 and
// IRETQ, CMPXCHG16B, XGETBV and XSAVE where the CPU has them, IRETQ to ring 3 and INT 0x80 back.
// Takes at most 1 s, some milliseconds where KVM is real. Never throws.
KvmProbe probe_kvm();

} // namespace vmm
