// The boot CPU as a kernel's 64-bit entry expects it (Documentation/arch/x86/boot.rst, "64-bit BOOT
// PROTOCOL").
#pragma once

#include <cstdint>
#include <linux/kvm.h>

#include "vmm/boot/guest_memory.hpp"

namespace vmm {

// A present 4 GiB segment of ring 0 (type: Intel SDM volume 3A, 3.4.5.1); neither 64-bit nor
// 32-bit.
struct kvm_segment flat_segment(std::uint16_t selector, std::uint8_t type);

// Writes a GDT (CS 0x10, DS 0x18) and page tables that map the first 4 GiB one to one.
void write_boot_tables(const GuestMemory& memory);

// Long mode with those tables; what KVM had is kept where the protocol says nothing.
struct kvm_sregs boot_sregs(const struct kvm_sregs& reset);

// RIP at the entry, RSI at the zero page, interrupts off.
struct kvm_regs boot_regs(std::uint64_t entry);

} // namespace vmm
