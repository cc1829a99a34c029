// Saving and restoring a vCPU. The order of the calls matters: what follows is KVM's own rule or
// was found out by Firecracker and QEMU.
#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/format.h>

#include "vmm/kvm/call.hpp"
#include "vmm/kvm/vcpu.hpp"

namespace vmm {

namespace {

// struct kvm_msrs with room; its size in the ioctl's number is that of two u32.
struct MsrList {
  std::uint32_t count = 0;
  std::uint32_t padding = 0;
  std::array<struct kvm_msr_entry, 256> entries{}; // KVM takes no more in a call
};

constexpr unsigned long get_msr_list = _IOWR(KVMIO, 0x88, std::uint64_t);
constexpr unsigned long set_msr_list = _IOW(KVMIO, 0x89, std::uint64_t);

// In C++ the header's flexible array takes part in struct kvm_xsave's size (as in CpuidTable).
using Xsave = std::array<std::uint8_t, least_xsave_size>;
constexpr unsigned long get_xsave = _IOR(KVMIO, 0xa4, Xsave);
constexpr unsigned long set_xsave = _IOW(KVMIO, 0xa5, Xsave);
constexpr unsigned long get_xsave2 = _IOR(KVMIO, 0xcf, Xsave);

// arch/x86/include/asm/msr-index.h
constexpr std::uint32_t msr_tsc = 0x10;
constexpr std::uint32_t msr_tsc_deadline = 0x6e0;

MsrList list_of(std::span<const Msr> msrs) {
  MsrList list;
  ASSERT(msrs.size() <= list.entries.size());
  for (const Msr& msr : msrs)
    list.entries[list.count++] = {msr.index, 0, msr.value};
  return list;
}

// Intel SDM volume 3A, 10.5.4.1.
bool timer_has_deadline(const struct kvm_lapic_state& apic) {
  constexpr std::size_t timer = 0x320;
  std::uint32_t value;
  std::memcpy(&value, apic.regs + timer, sizeof value);
  return (value >> 17 & 3) == 2;
}

} // namespace

// How many of them KVM took: all, or those before one it refuses.
std::size_t Vcpu::try_set_msrs(std::span<const Msr> msrs) {
  MsrList list = list_of(msrs);
  return static_cast<std::size_t>(kvm_call(fd_, set_msr_list, &list, "KVM_SET_MSRS"));
}

void Vcpu::set_msrs(std::span<const Msr> msrs) {
  const std::size_t set = try_set_msrs(msrs);
  if (set < msrs.size())
    throw base::Error(
        fmt::format("/dev/kvm: KVM refuses MSR {:#x} = {:#x}", msrs[set].index, msrs[set].value));
}

// KVM lists some that this vCPU, with its CPUID, does not have.
std::vector<Msr> Vcpu::read_msrs(std::span<const std::uint32_t> indexes) const {
  std::vector<Msr> read;
  while (!indexes.empty()) {
    MsrList list;
    const std::size_t count = std::min(indexes.size(), list.entries.size());
    for (std::size_t i = 0; i < count; ++i)
      list.entries[list.count++].index = indexes[i];
    const auto got = static_cast<std::size_t>(kvm_call(fd_, get_msr_list, &list, "KVM_GET_MSRS"));
    for (std::size_t i = 0; i < got; ++i)
      read.push_back({list.entries[i].index, list.entries[i].data});
    indexes = indexes.subspan(std::min(count, got + 1));
  }
  return read;
}

// Some that KVM shows cannot be set: what a CPUID table alone determines is there already.
void Vcpu::restore_msrs(std::span<const Msr> msrs) {
  while (!msrs.empty()) {
    const std::size_t set = try_set_msrs(msrs);
    if (set < msrs.size() && !holds(msrs[set]))
      throw base::Error(fmt::format("/dev/kvm: KVM refuses MSR {:#x} = {:#x}, which it gave",
                                    msrs[set].index, msrs[set].value));
    msrs = msrs.subspan(std::min(msrs.size(), set + 1));
  }
}

bool Vcpu::holds(const Msr& msr) const {
  const std::vector<Msr> present = read_msrs(std::span(&msr.index, 1));
  return present.empty() || present.front().value == msr.value;
}

// MP_STATE first: reading it may deliver an INIT that waits, which changes the rest.
VcpuState Vcpu::save(std::size_t xsave_size, const std::vector<std::uint32_t>& msrs) const {
  VcpuState state;
  VcpuRegisters& r = state.registers;
  KVM_CALL(fd_, KVM_GET_MP_STATE, &r.mp_state);
  KVM_CALL(fd_, KVM_GET_REGS, &r.regs);
  KVM_CALL(fd_, KVM_GET_SREGS, &r.sregs);
  state.xsave.resize(xsave_size);
  if (xsave_size > least_xsave_size)
    kvm_call(fd_, get_xsave2, state.xsave.data(), "KVM_GET_XSAVE2");
  else
    kvm_call(fd_, get_xsave, state.xsave.data(), "KVM_GET_XSAVE");
  KVM_CALL(fd_, KVM_GET_XCRS, &r.xcrs);
  KVM_CALL(fd_, KVM_GET_DEBUGREGS, &r.debugregs);
  KVM_CALL(fd_, KVM_GET_LAPIC, &r.lapic);
  state.msrs = read_msrs(msrs);
  KVM_CALL(fd_, KVM_GET_VCPU_EVENTS, &r.events);
  r.tsc_khz = static_cast<std::uint64_t>(std::max(0, ::ioctl(fd_.get(), KVM_GET_TSC_KHZ, 0)));
  return state;
}

// The TSC before a deadline that is reckoned in it. A deadline that has passed reads as 0 while its
// interrupt is still on the way: set to the present, it comes (again, which does no harm).
void Vcpu::restore(const VcpuState& state, std::uint64_t tsc) {
  const VcpuRegisters& r = state.registers;
  if (const int khz = ::ioctl(fd_.get(), KVM_GET_TSC_KHZ, 0);
      r.tsc_khz != 0 && khz > 0 && static_cast<std::uint64_t>(khz) != r.tsc_khz)
    KVM_CALL(fd_, KVM_SET_TSC_KHZ, r.tsc_khz);
  KVM_CALL(fd_, KVM_SET_MP_STATE, &r.mp_state);
  KVM_CALL(fd_, KVM_SET_REGS, &r.regs);
  KVM_CALL(fd_, KVM_SET_SREGS, &r.sregs);
  kvm_call(fd_, set_xsave, state.xsave.data(), "KVM_SET_XSAVE");
  KVM_CALL(fd_, KVM_SET_XCRS, &r.xcrs);
  KVM_CALL(fd_, KVM_SET_DEBUGREGS, &r.debugregs);
  KVM_CALL(fd_, KVM_SET_LAPIC, &r.lapic);
  std::vector<Msr> msrs{{msr_tsc, tsc}};
  std::uint64_t deadline = 0;
  for (const Msr& msr : state.msrs)
    if (msr.index == msr_tsc_deadline)
      deadline = msr.value;
    else if (msr.index != msr_tsc)
      msrs.push_back(msr);
  if (timer_has_deadline(r.lapic))
    msrs.push_back({msr_tsc_deadline, deadline != 0 ? deadline : tsc});
  restore_msrs(msrs);
  KVM_CALL(fd_, KVM_SET_VCPU_EVENTS, &r.events);
  // The guest's watchdogs must not count the time between: EINVAL where it has no kvm-clock.
  static_cast<void>(::ioctl(fd_.get(), KVM_KVMCLOCK_CTRL, 0));
}

std::uint64_t tsc_of(const VcpuState& state) {
  const auto found = std::find_if(state.msrs.begin(), state.msrs.end(),
                                  [](const Msr& msr) { return msr.index == msr_tsc; });
  return found == state.msrs.end() ? 0 : found->value;
}

} // namespace vmm
