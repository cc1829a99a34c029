#include "vmm/boot/cpu_state.hpp"

#include <array>

#include "vmm/boot/layout.hpp"

namespace vmm {

namespace {

constexpr std::uint16_t code_selector = 0x10;
constexpr std::uint16_t data_selector = 0x18;
constexpr std::uint64_t page = 4096;

} // namespace

struct kvm_segment flat_segment(std::uint16_t selector, std::uint8_t type) {
  struct kvm_segment s {};
  s.selector = selector;
  s.limit = 0xffffffff;
  s.type = type;
  s.present = 1;
  s.s = 1;
  s.g = 1;
  return s;
}

void write_boot_tables(const GuestMemory& memory) {
  memory.put(gdt_address + code_selector, std::uint64_t{0x00af9b000000ffff});
  memory.put(gdt_address + data_selector, std::uint64_t{0x00cf93000000ffff});
  constexpr std::uint64_t present_writable = 0x3;
  constexpr std::uint64_t large = 0x80;
  constexpr std::uint64_t pointers = page_tables_address + page;
  constexpr std::uint64_t directories = pointers + page;
  memory.put(page_tables_address, pointers | present_writable);
  for (std::uint64_t gib = 0; gib < 4; ++gib) {
    memory.put(pointers + gib * 8, (directories + gib * page) | present_writable);
    std::array<std::uint64_t, 512> directory;
    for (std::uint64_t i = 0; i < directory.size(); ++i)
      directory[i] = (gib << 30 | i << 21) | present_writable | large;
    memory.put(directories + gib * page, directory);
  }
}

struct kvm_sregs boot_sregs(const struct kvm_sregs& reset) {
  struct kvm_sregs sregs = reset;
  sregs.cs = flat_segment(code_selector, 11);
  sregs.cs.l = 1;
  sregs.ds = flat_segment(data_selector, 3);
  sregs.ds.db = 1;
  sregs.es = sregs.fs = sregs.gs = sregs.ss = sregs.ds;
  sregs.gdt.base = gdt_address;
  sregs.gdt.limit = data_selector + 7;
  sregs.cr3 = page_tables_address;
  sregs.cr4 = 0x20;       // PAE
  sregs.cr0 = 0x80050033; // PG, AM, WP, NE, ET, MP, PE
  sregs.efer = 0x500;     // LMA, LME
  return sregs;
}

struct kvm_regs boot_regs(std::uint64_t entry) {
  struct kvm_regs regs {};
  regs.rip = entry;
  regs.rsi = zero_page_address;
  regs.rsp = regs.rbp = boot_stack_top;
  regs.rflags = 0x2;
  return regs;
}

} // namespace vmm
