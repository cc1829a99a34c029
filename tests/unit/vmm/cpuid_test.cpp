#include "vmm/kvm/cpuid.hpp"

#include <cstddef>

#include <catch2/catch.hpp>

namespace {

using Entry = struct kvm_cpuid_entry2;

void add(vmm::CpuidTable& table, std::uint32_t leaf, std::uint32_t index, std::uint32_t value) {
  Entry e{};
  e.function = leaf;
  e.index = index;
  e.eax = e.ebx = e.ecx = e.edx = value;
  table.entries[table.count++] = e;
}

// All bits set wherever a bit could be wrong.
vmm::CpuidTable host() {
  vmm::CpuidTable table;
  table.count = 0;
  for (const std::uint32_t leaf : {0x0u, 0x1u, 0xau, 0xbu, 0x1fu, 0x80000001u, 0x80000008u,
                                   0x8000000au, 0x8000001eu, 0x8000001fu, 0x80000022u})
    add(table, leaf, 0, 0xffffffff);
  for (std::uint32_t level = 1; level <= 3; ++level) { // L1, L2, L3, each of many
    add(table, 0x4, level - 1, 0xffffc000 | level << 5 | 1);
    add(table, 0x8000001d, level - 1, 0x03ffc000 | level << 5 | 1);
  }
  return table;
}

const Entry& at(const vmm::CpuidTable& table, std::uint32_t leaf, std::uint32_t index = 0) {
  for (std::uint32_t i = 0; i < table.count; ++i)
    if (table.entries[i].function == leaf && table.entries[i].index == index)
      return table.entries[i];
  FAIL("no leaf " << std::hex << leaf << ", " << index);
  return table.entries[0];
}

bool bit(std::uint32_t value, unsigned number) { return (value >> number & 1) != 0; }

} // namespace

TEST_CASE("each vCPU has its own APIC id, in every leaf that has one") {
  const unsigned cpus = GENERATE(1u, 2u, 3u, 4u, 255u);
  for (const unsigned index : {0u, cpus / 2, cpus - 1}) {
    const vmm::CpuidTable table = vmm::vcpu_cpuid(host(), index, cpus, true);
    CHECK(at(table, 0x1).ebx >> 24 == index);
    CHECK(at(table, 0xb, 0).edx == index);
    CHECK(at(table, 0xb, 1).edx == index);
    CHECK(at(table, 0x1f, 0).edx == index);
    CHECK(at(table, 0x1f, 1).edx == index);
    CHECK(at(table, 0x8000001e).eax == index);
  }
}

TEST_CASE("the topology is one package of cores with one thread each") {
  const unsigned cpus = GENERATE(1u, 2u, 3u, 4u, 255u);
  const unsigned bits = cpus == 1 ? 0 : cpus == 2 ? 1 : cpus <= 4 ? 2 : 8;
  const vmm::CpuidTable table = vmm::vcpu_cpuid(host(), 0, cpus, true);
  for (const std::uint32_t leaf : {0xbu, 0x1fu}) {
    CHECK(at(table, leaf, 0).eax == 0);
    CHECK(at(table, leaf, 0).ebx == 1);
    CHECK(at(table, leaf, 0).ecx == 0x100);
    CHECK(at(table, leaf, 1).eax == bits);
    CHECK(at(table, leaf, 1).ebx == cpus);
    CHECK(at(table, leaf, 1).ecx == 0x201);
    CHECK(at(table, leaf, 2).ebx == 0);
    CHECK(at(table, leaf, 2).ecx == 2);
  }
  CHECK((at(table, 0x80000008).ecx & 0xff) == cpus - 1);
  CHECK((at(table, 0x80000008).ecx >> 12 & 0xf) == bits);
  CHECK(at(table, 0x8000001e).ebx == 0); // one thread a core
  CHECK(at(table, 0x8000001e).ecx == 0); // node 0 of one
}

TEST_CASE("the count of ids holds all CPUs, and is only valid where there are several") {
  const unsigned cpus = GENERATE(1u, 2u, 3u, 4u, 128u, 129u, 255u);
  const Entry features = at(vmm::vcpu_cpuid(host(), 0, cpus, true), 0x1);
  CHECK((features.ebx >> 16 & 0xff) >= cpus);
  CHECK(bit(features.edx, 28) == (cpus > 1));
}

TEST_CASE("the last cache is the package's, the others a core's own") {
  const vmm::CpuidTable table = vmm::vcpu_cpuid(host(), 0, 4, true);
  for (const std::uint32_t leaf : {0x4u, 0x8000001du}) {
    CHECK((at(table, leaf, 0).eax >> 14 & 0xfff) == 0);
    CHECK((at(table, leaf, 1).eax >> 14 & 0xfff) == 0);
    CHECK((at(table, leaf, 2).eax >> 14 & 0xfff) == 3);
    CHECK((at(table, leaf, 2).eax & 0xff) == (3 << 5 | 1));
  }
  CHECK(at(table, 0x4, 0).eax >> 26 == 3);
  CHECK(at(table, 0x8000001d, 0).eax >> 26 == 0);
}

TEST_CASE("the guest sees a hypervisor and nothing that it cannot use") {
  const vmm::CpuidTable table = vmm::vcpu_cpuid(host(), 0, 2, true);
  CHECK(bit(at(table, 0x1).ecx, 31));
  CHECK(!bit(at(table, 0x1).ecx, 3));        // MONITOR
  CHECK(!bit(at(table, 0x1).ecx, 5));        // VMX
  CHECK(!bit(at(table, 0x80000001).ecx, 2)); // SVM
  for (const std::uint32_t leaf : {0xau, 0x8000000au, 0x8000001fu, 0x80000022u}) {
    const Entry& e = at(table, leaf);
    CHECK((e.eax | e.ebx | e.ecx | e.edx) == 0);
  }
}

TEST_CASE("other features are the host's") {
  const vmm::CpuidTable table = vmm::vcpu_cpuid(host(), 0, 2, true);
  CHECK(at(table, 0x0).eax == 0xffffffff);
  CHECK(at(table, 0x1).eax == 0xffffffff);
  CHECK(at(table, 0x1).ecx == (0xffffffff & ~(1u << 3 | 1u << 5)));
  CHECK((at(table, 0x1).ebx & 0xffff) == 0xffff);
  CHECK(at(table, 0x80000001).edx == 0xffffffff);
  CHECK(at(table, 0x80000008).eax == 0xffffffff);
  CHECK(table.has_xsave());
}

TEST_CASE("the TSC deadline timer is there where KVM emulates it") {
  vmm::CpuidTable without = host();
  without.find(1)->ecx = 0;
  CHECK(bit(at(vmm::vcpu_cpuid(without, 0, 1, true), 0x1).ecx, 24));
  CHECK(!bit(at(vmm::vcpu_cpuid(host(), 0, 1, false), 0x1).ecx, 24));
}

TEST_CASE("a topology leaf gets its missing levels, one that is not there does not come") {
  vmm::CpuidTable table;
  table.count = 0;
  add(table, 0x1, 0, 0);
  add(table, 0xb, 0, 0);
  add(table, 0xb, 1, 0);
  const vmm::CpuidTable made = vmm::vcpu_cpuid(table, 0, 2, true);
  CHECK(made.count == 4);
  CHECK(at(made, 0xb, 2).flags == KVM_CPUID_FLAG_SIGNIFCANT_INDEX);
  CHECK(made.find(0x1f) == nullptr);
}

TEST_CASE("a full table stays as long as it was") {
  vmm::CpuidTable table;
  table.count = 0;
  add(table, 0xb, 0, 0);
  while (table.count < table.entries.size())
    add(table, 0x40000000 + table.count, 0, 0);
  CHECK(vmm::vcpu_cpuid(table, 0, 2, true).count == 256);
}

TEST_CASE("the table has the layout of struct kvm_cpuid2") {
  CHECK(offsetof(vmm::CpuidTable, entries) == 8);
  CHECK(sizeof(vmm::CpuidTable) == 8 + 256 * sizeof(Entry));
  CHECK(vmm::CpuidTable{}.count == 256);
}
