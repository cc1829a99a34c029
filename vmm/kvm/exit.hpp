// Why a vCPU came back to user space (Documentation/virt/kvm/api.rst, "The kvm_run structure").
#pragma once

#include <cstdint>
#include <linux/kvm.h>
#include <span>
#include <string>

namespace vmm {

enum class ExitKind : std::uint8_t {
  in,          // the guest reads a port: fill data
  out,         // the guest writes data to a port
  mmio_read,   // of an address that is no memory: fill data
  mmio_write,  //
  halt,        // HLT, only where no interrupt controller is in the kernel
  shutdown,    // triple fault
  interrupted, // a signal, or immediate_exit
  failed,      // KVM cannot go on: `detail` says why
};

struct Exit {
  ExitKind kind = ExitKind::failed;
  std::uint16_t port = 0;       // in, out
  std::uint8_t size = 0;        // in, out: bytes of one access, 1, 2 or 4
  std::uint64_t address = 0;    // mmio: guest-physical
  std::span<std::uint8_t> data; // in kvm_run; in, out: one access after the other (rep ins, outs)
  std::string detail;           // failed: one line
};

// run: the vCPU's shared page(s), size bytes in all. An offset or length that lies outside them is
// `failed`.
Exit decode_exit(struct kvm_run& run, std::size_t size);

} // namespace vmm
