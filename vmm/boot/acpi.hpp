// ACPI tables for kernels that read them (ACPI 6.4): CPUs, the way to power off and to reset.
#pragma once

#include "vmm/boot/guest_memory.hpp"

namespace vmm {

// Writes RSDP (at acpi_address), XSDT, FADT, FACS, DSDT and MADT for that many CPUs (1 to 255).
void write_acpi(const GuestMemory& memory, unsigned cpus);

} // namespace vmm
