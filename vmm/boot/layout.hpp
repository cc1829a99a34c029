// Where things lie in the first MiB of a guest. All addresses are guest-physical.
#pragma once

#include <cstdint>

namespace vmm {

constexpr std::uint64_t gdt_address = 0x500;
constexpr std::uint64_t zero_page_address = 0x7000;
constexpr std::uint64_t boot_stack_top = 0x8ff0;
constexpr std::uint64_t page_tables_address = 0x9000; // 6 pages
constexpr std::uint64_t setup_data_address = 0xf000;  // entropy for the kernel
constexpr std::uint64_t command_line_address = 0x10000;
constexpr std::uint64_t command_line_limit = 2048; // COMMAND_LINE_SIZE of x86, with its NUL
constexpr std::uint64_t low_ram_end = 0x9fc00;     // where an EBDA would be
constexpr std::uint64_t acpi_address = 0xe0000;    // the RSDP is looked for from here on
constexpr std::uint64_t mp_table_address = 0xf0000;
constexpr std::uint64_t high_ram_start = 0x100000;

// Interrupt controllers (Intel SDM volume 3A, 10.4.1; I/O APIC data sheet).
constexpr std::uint32_t local_apic_address = 0xfee00000;
constexpr std::uint32_t io_apic_address = 0xfec00000;

// Ports that ACPI tells the kernel about (ACPI 6.4, 4.8.3).
constexpr std::uint16_t pm1_event_port = 0x600;   // 4 bytes: status, enable
constexpr std::uint16_t pm1_control_port = 0x604; // 2 bytes: sleep type and enable
constexpr std::uint16_t sleep_type_off = 5;       // S5 in pm1_control
constexpr std::uint16_t keyboard_command_port = 0x64;
constexpr std::uint8_t keyboard_reset = 0xfe; // written there; FADT's reset register
constexpr std::uint8_t sci_line = 9;

} // namespace vmm
