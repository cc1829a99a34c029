#include "vmm/probe_guest.hpp"

#include <cstring>

// Position-independent, 64-bit, starts in ring 0 with RDI as described. RBP counts INT3s. The
// interrupt handlers are found through their offsets from the start.
asm(R"(
    .pushsection .rodata.krepro_probe, "a"
    .globl krepro_probe_start, krepro_probe_int3, krepro_probe_int80, krepro_probe_end
krepro_probe_start:
    movw  $0x500, %dx
    movb  $1, %al
    outb  %al, %dx

    xorl  %ebp, %ebp
    int3
    cmpl  $1, %ebp
    jne   krepro_probe_stop
    movb  $2, %al
    outb  %al, %dx

    # 16 bytes of zero become RCX:RBX, then must not compare equal to zero again.
    xorl  %eax, %eax
    xorl  %edx, %edx
    movl  $0x1111, %ebx
    movl  $0x2222, %ecx
    lock cmpxchg16b 0x7000
    jnz   krepro_probe_stop
    lock cmpxchg16b 0x7000
    jz    krepro_probe_stop
    cmpq  $0x1111, %rax
    jne   krepro_probe_stop
    cmpq  $0x2222, %rdx
    jne   krepro_probe_stop
    movw  $0x500, %dx
    movb  $3, %al
    outb  %al, %dx

    testl %edi, %edi
    jz    1f
    xorl  %ecx, %ecx
    xgetbv
    testl $1, %eax
    jz    krepro_probe_stop
    movl  $3, %eax
    xorl  %edx, %edx
    xsave 0x10000
1:  movw  $0x500, %dx
    movb  $4, %al
    outb  %al, %dx

    movl  $0x1c000, %eax
    pushq $0x1b          # SS
    pushq %rax           # RSP
    pushq $0x2           # RFLAGS
    pushq $0x23          # CS
    leaq  2f(%rip), %rax
    pushq %rax
    iretq
2:  int   $0x80
krepro_probe_stop:
    hlt
    jmp   krepro_probe_stop

krepro_probe_int3:
    incl  %ebp
    iretq

krepro_probe_int80:
    cmpq  $0x23, 8(%rsp)
    jne   krepro_probe_stop
    movw  $0x500, %dx
    movb  $5, %al
    outb  %al, %dx
    jmp   krepro_probe_stop
krepro_probe_end:
    .popsection
)");

extern "C" {
extern const std::uint8_t krepro_probe_start[];
extern const std::uint8_t krepro_probe_int3[];
extern const std::uint8_t krepro_probe_int80[];
extern const std::uint8_t krepro_probe_end[];
}

namespace vmm {

namespace {

void put(std::uint8_t* memory, std::uint64_t at, std::uint64_t value) {
  std::memcpy(memory + at, &value, sizeof value);
}

// Intel SDM volume 3A, 3.4.5 (segments) and 8.2.3 (the 64-bit TSS descriptor).
void write_gdt(std::uint8_t* memory) {
  put(memory, probe_gdt + 0x08, 0x00af9b000000ffff); // kernel code, 64-bit
  put(memory, probe_gdt + 0x10, 0x00cf93000000ffff); // kernel data
  put(memory, probe_gdt + 0x18, 0x00cff3000000ffff); // user data
  put(memory, probe_gdt + 0x20, 0x00affb000000ffff); // user code, 64-bit
  put(memory, probe_gdt + probe_tss_selector,
      0x0000890000000067 | (probe_tss & 0xffffff) << 16 | (probe_tss >> 24) << 56);
  put(memory, probe_tss + 4, probe_stack_top - 0x1000); // RSP0
}

// An interrupt gate, callable from ring 3 (SDM volume 3A, 6.14.1).
void write_gate(std::uint8_t* memory, unsigned vector, const std::uint8_t* handler) {
  const std::uint64_t address =
      probe_code + static_cast<std::uint64_t>(handler - krepro_probe_start);
  const std::uint64_t low = (address & 0xffff) | std::uint64_t{probe_kernel_cs} << 16 |
                            std::uint64_t{0xee00} << 32 | (address >> 16 & 0xffff) << 48;
  put(memory, probe_idt + std::uint64_t{vector} * 16, low);
  put(memory, probe_idt + std::uint64_t{vector} * 16 + 8, address >> 32);
}

// One 2 MiB page, present, writable, for user code too.
void write_page_tables(std::uint8_t* memory) {
  constexpr std::uint64_t flags = 0x7;
  constexpr std::uint64_t huge = 0x80;
  put(memory, probe_pml4, (probe_pml4 + 0x1000) | flags);
  put(memory, probe_pml4 + 0x1000, (probe_pml4 + 0x2000) | flags);
  put(memory, probe_pml4 + 0x2000, flags | huge);
}

} // namespace

const char* stage_after(ProbeStage passed) {
  switch (passed) {
  case ProbeStage::none:
    return "the first instruction";
  case ProbeStage::output:
    return "INT3 and IRETQ";
  case ProbeStage::breakpoint:
    return "CMPXCHG16B";
  case ProbeStage::cmpxchg16b:
    return "XSAVE";
  case ProbeStage::xsave:
    return "IRETQ to user mode";
  case ProbeStage::ring3:
    return "its end";
  }
  return "?";
}

void write_probe_guest(std::uint8_t* memory) {
  write_gdt(memory);
  write_gate(memory, 3, krepro_probe_int3);
  write_gate(memory, 0x80, krepro_probe_int80);
  write_page_tables(memory);
  std::memcpy(memory + probe_code, krepro_probe_start,
              static_cast<std::size_t>(krepro_probe_end - krepro_probe_start));
}

} // namespace vmm
