// The kernel command line of every guest.
#pragma once

#include <cstdint>
#include <string>

namespace harness {

// What runs the guest.
enum class Hypervisor : std::uint8_t {
  tcg,      // QEMU's emulation
  qemu_kvm, // QEMU on KVM
  krepro,   // the machine of vmm/
};

// Console, channel and what a reproducer's kernel needs, with append at the end so that it can
// override.
std::string command_line(const std::string& append, Hypervisor hypervisor);

} // namespace harness
