// What a kernel is told when it is entered (Documentation/arch/x86/boot.rst, zero-page.rst).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "vmm/boot/guest_memory.hpp"
#include "vmm/boot/kernel.hpp"

namespace vmm {

// Where the initramfs lies; size 0: none.
struct Initrd {
  std::uint64_t address = 0;
  std::uint64_t size = 0;
};

// Where an initramfs of that many bytes goes: as high as the kernel takes it, page-aligned. Throws
// base::UsageError where it does not fit above the kernel.
Initrd place_initrd(std::uint64_t size, const LoadedKernel& kernel, const GuestMemory& memory);

// Writes zero page, command line, memory map and entropy for the kernel's random numbers (kernels
// from v6.0 on take it). Throws base::UsageError for a command line of 2048 bytes or more.
void write_boot_params(const GuestMemory& memory, const LoadedKernel& kernel, const Initrd& initrd,
                       std::string_view command_line, std::string_view entropy);

} // namespace vmm
