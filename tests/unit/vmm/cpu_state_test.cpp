#include "vmm/boot/cpu_state.hpp"

#include <cstring>
#include <optional>

#include <catch2/catch.hpp>

#include "vmm/boot/layout.hpp"

namespace {

constexpr std::uint64_t gib = 1ULL << 30;

std::uint64_t word(const vmm::GuestMemory& memory, std::uint64_t address) {
  std::uint64_t value;
  std::memcpy(&value, memory.at(address, sizeof value).data(), sizeof value);
  return value;
}

// A walk of 4-level page tables (Intel SDM volume 3A, 4.5); nothing where a level is not present.
std::optional<std::uint64_t> translate(const vmm::GuestMemory& memory, std::uint64_t cr3,
                                       std::uint64_t address) {
  std::uint64_t table = cr3;
  for (const unsigned shift : {39u, 30u, 21u}) {
    const std::uint64_t entry = word(memory, table + (address >> shift & 0x1ff) * 8);
    if ((entry & 0x3) != 0x3)
      return std::nullopt;
    table = entry & 0x000ffffffffff000;
    if ((entry & 0x80) != 0)
      return table + (address & ((1ULL << shift) - 1));
  }
  return std::nullopt;
}

} // namespace

TEST_CASE("the first 4 GiB are mapped one to one, and nothing else") {
  const vmm::GuestMemory memory(2u << 20);
  vmm::write_boot_tables(memory);
  const std::uint64_t cr3 = vmm::boot_sregs({}).cr3;
  for (std::uint64_t address = 0; address < 4 * gib; address += 0x1ffff1)
    REQUIRE(translate(memory, cr3, address) == address);
  CHECK(translate(memory, cr3, 4 * gib - 1) == 4 * gib - 1);
  CHECK(!translate(memory, cr3, 4 * gib));
  CHECK(!translate(memory, cr3, 512 * gib));
}

TEST_CASE("the page tables end before what follows them") {
  const vmm::GuestMemory memory(2u << 20);
  vmm::write_boot_tables(memory);
  CHECK(vmm::page_tables_address + std::uint64_t{6} * 4096 <= vmm::setup_data_address);
  CHECK(word(memory, vmm::setup_data_address) == 0);
  CHECK(word(memory, vmm::setup_data_address - 8) != 0);
}

TEST_CASE("the descriptors that the selectors name say the same as the segments") {
  const vmm::GuestMemory memory(2u << 20);
  vmm::write_boot_tables(memory);
  const struct kvm_sregs sregs = vmm::boot_sregs({});
  CHECK(sregs.cs.selector == 0x10);
  CHECK(sregs.ss.selector == 0x18);
  CHECK(sregs.gdt.limit == 0x1f);
  for (const struct kvm_segment& s : {sregs.cs, sregs.ds, sregs.es, sregs.ss}) {
    const std::uint64_t descriptor = word(memory, sregs.gdt.base + s.selector);
    CHECK((descriptor >> 40 & 0xf) == s.type);
    CHECK((descriptor >> 44 & 1) == s.s);
    CHECK((descriptor >> 45 & 3) == s.dpl);
    CHECK((descriptor >> 47 & 1) == s.present);
    CHECK((descriptor >> 53 & 1) == s.l);
    CHECK((descriptor >> 54 & 1) == s.db);
    CHECK((descriptor >> 55 & 1) == s.g);
    CHECK((descriptor & 0xffff) == 0xffff);
    CHECK(s.limit == 0xffffffff);
    CHECK(s.base == 0);
  }
}

TEST_CASE("the CPU is in long mode; what the protocol does not name is as after reset") {
  struct kvm_sregs reset {};
  reset.apic_base = 0xfee00900;
  reset.tr.selector = 0x77;
  const struct kvm_sregs sregs = vmm::boot_sregs(reset);
  CHECK((sregs.cr0 & 0x80000001) == 0x80000001);
  CHECK((sregs.cr4 & 0x20) != 0);
  CHECK(sregs.efer == 0x500);
  CHECK(sregs.cs.l == 1);
  CHECK(sregs.cs.db == 0);
  CHECK(sregs.apic_base == 0xfee00900);
  CHECK(sregs.tr.selector == 0x77);
}

TEST_CASE("the kernel is entered with the zero page in RSI and interrupts off") {
  const struct kvm_regs regs = vmm::boot_regs(0x1000200);
  CHECK(regs.rip == 0x1000200);
  CHECK(regs.rsi == vmm::zero_page_address);
  CHECK(regs.rflags == 2);
  CHECK(regs.rsp % 16 == 0);
}
