// The MP table for kernels without ACPI (Intel MultiProcessor Specification 1.4;
// arch/x86/include/asm/mpspec_def.h). A kernel that finds ACPI's MADT does not read it.
#pragma once

#include "vmm/boot/guest_memory.hpp"

namespace vmm {

// Writes it at mp_table_address for that many CPUs (1 to 255).
void write_mp_table(const GuestMemory& memory, unsigned cpus);

} // namespace vmm
