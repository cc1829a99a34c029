#include "vmm/probe.hpp"

#include <chrono>
#include <cstring>
#include <unistd.h>
#include <vector>

#include <catch2/catch.hpp>

#include "vmm/probe_guest.hpp"

namespace {

std::uint64_t word_at(const std::vector<std::uint8_t>& memory, std::uint64_t at) {
  std::uint64_t value = 0;
  std::memcpy(&value, memory.data() + at, sizeof value);
  return value;
}

// The handler's address in a 64-bit gate.
std::uint64_t gate_target(const std::vector<std::uint8_t>& memory, unsigned vector) {
  const std::uint64_t low = word_at(memory, vmm::probe_idt + vector * 16);
  return (low & 0xffff) | (low >> 48) << 16 |
         word_at(memory, vmm::probe_idt + vector * 16 + 8) << 32;
}

} // namespace

TEST_CASE("the KVM probe answers in time, with a reason") {
  const auto start = std::chrono::steady_clock::now();
  const vmm::KvmProbe probe = vmm::probe_kvm();
  const auto elapsed = std::chrono::steady_clock::now() - start;
  CHECK(elapsed < std::chrono::seconds(2));
  CHECK(!probe.reason.empty());
  CHECK(probe.reason.find('\n') == std::string::npos);
  if (::access("/dev/kvm", F_OK) != 0)
    CHECK(!probe.usable);
  WARN("usable: " << probe.usable << ", " << probe.reason);
}

TEST_CASE("the probe guest's tables point where its code is") {
  std::vector<std::uint8_t> memory(vmm::probe_memory);
  vmm::write_probe_guest(memory.data());
  CHECK(memory[vmm::probe_code] == 0x66);        // mov $imm16, %dx
  CHECK(memory[gate_target(memory, 3)] == 0xff); // incl %ebp
  CHECK(memory[gate_target(memory, 3) + 2] == 0x48);
  CHECK(memory[gate_target(memory, 3) + 3] == 0xcf); // iretq
  CHECK(memory[gate_target(memory, 0x80)] == 0x48);  // cmpq
  CHECK((word_at(memory, vmm::probe_gdt + vmm::probe_tss_selector) >> 16 & 0xffffff) ==
        vmm::probe_tss);
  CHECK(word_at(memory, vmm::probe_pml4) == (vmm::probe_pml4 + 0x1007));
}

TEST_CASE("each stage names what comes next") {
  CHECK(std::string(vmm::stage_after(vmm::ProbeStage::output)) == "INT3 and IRETQ");
  CHECK(std::string(vmm::stage_after(vmm::ProbeStage::xsave)) == "IRETQ to user mode");
}
