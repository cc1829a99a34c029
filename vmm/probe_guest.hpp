// The program of the probe guest and the memory it expects.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace vmm {

// Stages the guest reports by writing one byte to probe_port. Each one is passed when reported.
enum class ProbeStage : std::uint8_t {
  none = 0,
  output = 1,     // OUT
  breakpoint = 2, // INT3 through the IDT, IRETQ
  cmpxchg16b = 3,
  xsave = 4, // XGETBV, XSAVE; reported also where the CPU lacks them
  ring3 = 5, // IRETQ to ring 3, INT 0x80 back
};

// What the guest was doing when it did not reach the next stage.
const char* stage_after(ProbeStage passed);

constexpr std::uint16_t probe_port = 0x500;
constexpr std::size_t probe_memory = 2 << 20; // bytes at guest-physical 0

// Guest-physical addresses; the page tables map them one to one, also for ring 3.
constexpr std::uint64_t probe_gdt = 0x1000;
constexpr std::uint64_t probe_idt = 0x2000;
constexpr std::uint64_t probe_tss = 0x3000;
constexpr std::uint64_t probe_pml4 = 0x4000;
constexpr std::uint64_t probe_code = 0x8000;
constexpr std::uint64_t probe_stack_top = 0x20000;

// Segment selectors in the GDT.
constexpr std::uint16_t probe_kernel_cs = 0x08;
constexpr std::uint16_t probe_kernel_ds = 0x10;
constexpr std::uint16_t probe_tss_selector = 0x28;

// Writes GDT, IDT, TSS, page tables and code into the guest's memory (probe_memory bytes, zeroed).
// The code starts at probe_code; RDI there is 1 where the guest is to try XSAVE.
void write_probe_guest(std::uint8_t* memory);

} // namespace vmm
