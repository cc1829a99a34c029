#include "vmm/kvm/vm.hpp"

#include <algorithm>
#include <array>
#include <fcntl.h>

#include <fmt/format.h>

#include "vmm/kvm/call.hpp"

namespace vmm {

namespace {

constexpr unsigned long get_supported_cpuid = _IOWR(KVMIO, 0x05, std::uint64_t); // see CpuidTable

// struct kvm_msr_list with room; its size in the ioctl's number is that of its first u32.
struct MsrIndexes {
  std::uint32_t count = 1024;
  std::array<std::uint32_t, 1024> indexes{};
};
constexpr unsigned long get_msr_indexes = _IOWR(KVMIO, 0x02, std::uint32_t);

// Pages below 4 GiB that KVM needs for itself on Intel, out of the guest's way.
constexpr std::uint64_t identity_map_address = 0xfffbc000;
constexpr unsigned long tss_address = 0xfffbd000;

base::Fd open_kvm() {
  base::Fd fd(::open("/dev/kvm", O_RDWR | O_CLOEXEC));
  if (!fd)
    throw base::SysError(errno, "open", "/dev/kvm");
  return fd;
}

} // namespace

Kvm::Kvm() : fd_(open_kvm()) {
  const int version = KVM_CALL(fd_, KVM_GET_API_VERSION, 0);
  if (version != KVM_API_VERSION)
    throw base::Error(
        fmt::format("/dev/kvm: API version {}, expected {}", version, KVM_API_VERSION));
}

int Kvm::extension(int capability) const {
  return KVM_CALL(fd_, KVM_CHECK_EXTENSION, static_cast<long>(capability));
}

CpuidTable Kvm::supported_cpuid() const {
  CpuidTable table;
  kvm_call(fd_, get_supported_cpuid, &table, "KVM_GET_SUPPORTED_CPUID");
  return table;
}

std::size_t Kvm::run_size() const {
  return static_cast<std::size_t>(KVM_CALL(fd_, KVM_GET_VCPU_MMAP_SIZE, 0));
}

std::size_t Kvm::xsave_size() const {
  return std::max(least_xsave_size, static_cast<std::size_t>(extension(KVM_CAP_XSAVE2)));
}

std::vector<std::uint32_t> Kvm::msr_indexes() const {
  MsrIndexes list;
  kvm_call(fd_, get_msr_indexes, &list, "KVM_GET_MSR_INDEX_LIST");
  return {list.indexes.begin(), list.indexes.begin() + list.count};
}

Vm::Vm(const Kvm& kvm) : fd_(KVM_CALL(kvm.fd(), KVM_CREATE_VM, 0)) {
  KVM_CALL(fd_, KVM_SET_IDENTITY_MAP_ADDR, &identity_map_address);
  KVM_CALL(fd_, KVM_SET_TSS_ADDR, tss_address);
}

void Vm::set_memory(unsigned slot, std::uint64_t address, std::uint8_t* host, std::size_t size) {
  struct kvm_userspace_memory_region region {};
  region.slot = slot;
  region.guest_phys_addr = address;
  region.memory_size = size;
  region.userspace_addr = reinterpret_cast<std::uint64_t>(host);
  KVM_CALL(fd_, KVM_SET_USER_MEMORY_REGION, &region);
}

void Vm::create_interrupt_controllers() {
  KVM_CALL(fd_, KVM_CREATE_IRQCHIP, 0);
  struct kvm_pit_config pit {};
  pit.flags = KVM_PIT_SPEAKER_DUMMY;
  KVM_CALL(fd_, KVM_CREATE_PIT2, &pit);
}

Vcpu Vm::create_vcpu(unsigned index, std::size_t run_size) const {
  return {base::Fd(KVM_CALL(fd_, KVM_CREATE_VCPU, static_cast<unsigned long>(index))), run_size};
}

VmState Vm::save() const {
  VmState state;
  for (std::uint32_t id = 0; id < state.chips.size(); ++id) {
    state.chips[id].chip_id = id;
    KVM_CALL(fd_, KVM_GET_IRQCHIP, &state.chips[id]);
  }
  KVM_CALL(fd_, KVM_GET_PIT2, &state.pit);
  KVM_CALL(fd_, KVM_GET_CLOCK, &state.clock);
  return state;
}

// Without flags the clock goes on from the value itself, whatever the host's clocks did meanwhile.
void Vm::restore(const VmState& state) const {
  for (const struct kvm_irqchip& chip : state.chips)
    KVM_CALL(fd_, KVM_SET_IRQCHIP, &chip);
  KVM_CALL(fd_, KVM_SET_PIT2, &state.pit);
  struct kvm_clock_data clock {};
  clock.clock = state.clock.clock;
  KVM_CALL(fd_, KVM_SET_CLOCK, &clock);
}

void Vm::set_irq(unsigned line, bool level) const {
  struct kvm_irq_level irq {};
  irq.irq = line;
  irq.level = level ? 1 : 0;
  KVM_CALL(fd_, KVM_IRQ_LINE, &irq);
}

} // namespace vmm
