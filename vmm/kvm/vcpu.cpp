#include "vmm/kvm/vcpu.hpp"

#include <atomic>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "vmm/kvm/call.hpp"

namespace vmm {

namespace {

constexpr unsigned long set_cpuid2 = _IOW(KVMIO, 0x90, std::uint64_t); // see CpuidTable
// Local vector table entries in the APIC's page (Intel SDM volume 3A, 10.5.1).
constexpr std::size_t apic_lvt_lint0 = 0x350;
constexpr std::size_t apic_lvt_lint1 = 0x360;
constexpr std::uint32_t delivery_nmi = 4u << 8;
constexpr std::uint32_t delivery_extint = 7u << 8;
constexpr std::uint32_t delivery_mask = 7u << 8;
constexpr std::uint32_t masked = 1u << 16;

void set_delivery(struct kvm_lapic_state& apic, std::size_t at, std::uint32_t mode) {
  std::uint32_t value;
  std::memcpy(&value, apic.regs + at, sizeof value);
  value = (value & ~(delivery_mask | masked)) | mode;
  std::memcpy(apic.regs + at, &value, sizeof value);
}

} // namespace

Vcpu::Vcpu(base::Fd fd, std::size_t run_size)
    : fd_(std::move(fd)), run_(base::Mapping::shared(fd_, run_size, "vcpu")) {}

struct kvm_run& Vcpu::page() const {
  return *reinterpret_cast<struct kvm_run*>(run_.data());
}

Exit Vcpu::run() {
  if (::ioctl(fd_.get(), KVM_RUN, 0) < 0) {
    const int error = errno;
    if (error == EINTR || error == EAGAIN) {
      Exit exit;
      exit.kind = ExitKind::interrupted;
      return exit;
    }
    throw base::SysError(error, "KVM_RUN", "/dev/kvm");
  }
  return decode_exit(page(), run_.size());
}

void Vcpu::interrupt() {
  std::atomic_ref<std::uint8_t>(page().immediate_exit).store(1, std::memory_order_release);
}

void Vcpu::let_run() {
  std::atomic_ref<std::uint8_t>(page().immediate_exit).store(0, std::memory_order_release);
}

struct kvm_regs Vcpu::regs() const {
  struct kvm_regs regs {};
  KVM_CALL(fd_, KVM_GET_REGS, &regs);
  return regs;
}

void Vcpu::set_regs(const struct kvm_regs& regs) { KVM_CALL(fd_, KVM_SET_REGS, &regs); }

struct kvm_sregs Vcpu::sregs() const {
  struct kvm_sregs sregs {};
  KVM_CALL(fd_, KVM_GET_SREGS, &sregs);
  return sregs;
}

void Vcpu::set_sregs(const struct kvm_sregs& sregs) { KVM_CALL(fd_, KVM_SET_SREGS, &sregs); }

void Vcpu::set_cpuid(const CpuidTable& table) {
  kvm_call(fd_, set_cpuid2, &table, "KVM_SET_CPUID2");
}

void Vcpu::connect_local_interrupts() {
  struct kvm_lapic_state apic {};
  KVM_CALL(fd_, KVM_GET_LAPIC, &apic);
  set_delivery(apic, apic_lvt_lint0, delivery_extint);
  set_delivery(apic, apic_lvt_lint1, delivery_nmi);
  KVM_CALL(fd_, KVM_SET_LAPIC, &apic);
}

bool Vcpu::halted() const {
  struct kvm_mp_state state {};
  KVM_CALL(fd_, KVM_GET_MP_STATE, &state);
  return state.mp_state != KVM_MP_STATE_RUNNABLE;
}

void Vcpu::inject_nmi() { KVM_CALL(fd_, KVM_NMI, 0); }

} // namespace vmm
