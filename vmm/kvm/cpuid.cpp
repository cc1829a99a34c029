#include "vmm/kvm/cpuid.hpp"

#include <algorithm>
#include <bit>

namespace vmm {

namespace {

using Entry = struct kvm_cpuid_entry2;

constexpr std::uint32_t bit(unsigned number) { return 1u << number; }

// Bits of the APIC id that tell CPUs of one package apart.
unsigned id_bits(unsigned cpus) { return static_cast<unsigned>(std::bit_width(cpus - 1)); }

void set_features(Entry& e, unsigned index, unsigned cpus, bool tsc_deadline) {
  constexpr std::uint32_t monitor = bit(3);
  constexpr std::uint32_t vmx = bit(5);
  constexpr std::uint32_t deadline = bit(24);
  constexpr std::uint32_t hypervisor = bit(31);
  constexpr std::uint32_t many_ids = bit(28); // EDX: EBX's count of ids is valid
  const std::uint32_t ids = std::min(bit(id_bits(cpus)), 0xffu);
  e.ebx = index << 24 | ids << 16 | (e.ebx & 0xffff);
  e.ecx = (e.ecx & ~(monitor | vmx | deadline)) | hypervisor | (tsc_deadline ? deadline : 0);
  e.edx = cpus > 1 ? e.edx | many_ids : e.edx & ~many_ids;
}

// Leaf 4 and AMD's 0x8000001d: caches. EAX 25:14 is how many ids share one: none but the last
// level's, which the package shares. Leaf 4 EAX 31:26: cores of the package.
void set_cache(Entry& e, unsigned cpus) {
  const std::uint32_t level = e.eax >> 5 & 7;
  const std::uint32_t sharing = level >= 3 ? bit(id_bits(cpus)) - 1 : 0;
  const std::uint32_t cores = e.function == 4 ? bit(id_bits(cpus)) - 1 : 0;
  if ((e.eax & 0x1f) != 0)
    e.eax = (e.eax & 0x3fff) | (sharing & 0xfff) << 14 | std::min(cores, 0x3fu) << 26;
}

// Leaves 0xb and 0x1f: subleaf 0 is the thread level (one a core), 1 the core level.
void set_topology(Entry& e, unsigned index, unsigned cpus) {
  constexpr std::uint32_t thread_level = 1u << 8;
  constexpr std::uint32_t core_level = 2u << 8;
  e.eax = e.index == 1 ? id_bits(cpus) : 0;
  e.ebx = e.index == 0 ? 1 : e.index == 1 ? cpus : 0;
  e.ecx = e.index | (e.index == 0 ? thread_level : e.index == 1 ? core_level : 0);
  e.edx = index;
}

void set_entry(Entry& e, unsigned index, unsigned cpus, bool tsc_deadline) {
  constexpr std::uint32_t svm = bit(2);
  switch (e.function) {
  case 0x1:
    set_features(e, index, cpus, tsc_deadline);
    break;
  case 0x4:
  case 0x8000001d:
    set_cache(e, cpus);
    break;
  case 0xa:        // PMU
  case 0x80000022: // AMD's
  case 0x8000000a: // SVM
  case 0x8000001f: // memory encryption
    e.eax = e.ebx = e.ecx = e.edx = 0;
    break;
  case 0xb:
  case 0x1f:
    set_topology(e, index, cpus);
    break;
  case 0x80000001:
    e.ecx &= ~svm;
    break;
  case 0x80000008: // ECX: bits of the id, and CPUs less one
    e.ecx = id_bits(cpus) << 12 | ((cpus - 1) & 0xff);
    break;
  case 0x8000001e:
    e.eax = index;
    e.ebx = index & 0xff; // one thread a core
    e.ecx = 0;            // one node
    break;
  default:
    break;
  }
}

// Both levels of a topology leaf must be there for a kernel to read it.
void complete_topology(CpuidTable& table, std::uint32_t leaf) {
  const auto end = table.entries.begin() + table.count;
  const auto count = std::count_if(table.entries.begin(), end,
                                   [leaf](const Entry& e) { return e.function == leaf; });
  for (auto index = static_cast<std::uint32_t>(count);
       count != 0 && index < 3 && table.count < table.entries.size(); ++index) {
    Entry e{};
    e.function = leaf;
    e.index = index;
    e.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
    table.entries[table.count++] = e;
  }
}

} // namespace

Entry* CpuidTable::find(std::uint32_t leaf) {
  const auto end = entries.begin() + std::min<std::uint32_t>(count, 256);
  const auto found = std::find_if(
      entries.begin(), end, [leaf](const Entry& e) { return e.function == leaf && e.index == 0; });
  return found == end ? nullptr : &*found;
}

const Entry* CpuidTable::find(std::uint32_t leaf) const {
  return const_cast<CpuidTable*>(this)->find(leaf);
}

bool CpuidTable::has_xsave() const {
  const Entry* features = find(1);
  return features != nullptr && (features->ecx & bit(26)) != 0;
}

CpuidTable vcpu_cpuid(const CpuidTable& supported, unsigned index, unsigned cpus,
                      bool tsc_deadline) {
  CpuidTable table = supported;
  complete_topology(table, 0xb);
  complete_topology(table, 0x1f);
  for (std::uint32_t i = 0; i < table.count; ++i)
    set_entry(table.entries[i], index, cpus, tsc_deadline);
  return table;
}

} // namespace vmm
