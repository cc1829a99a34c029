#include "harness/backend/kvm_guest.hpp"

#include <algorithm>
#include <array>
#include <poll.h>
#include <thread>

#include "vmm/base/error.hpp"
#include "vmm/base/stop.hpp"

namespace harness {

namespace {

// A guest sends byte by byte: what follows the first one need not wake this thread again.
constexpr std::chrono::milliseconds gather{1};

GuestState state_of(const vmm::MachineNews& news) {
  switch (news.state) {
  case vmm::MachineState::running:
    return GuestState::running;
  case vmm::MachineState::off:
    return GuestState::off;
  case vmm::MachineState::reset:
    return GuestState::crashed;
  case vmm::MachineState::failed:
    break;
  }
  throw base::Error("KVM: " + news.reason);
}

} // namespace

KvmGuest::KvmGuest(const vmm::MachineSpec& spec) : machine_(std::make_unique<vmm::Machine>(spec)) {
  machine_->start();
}

KvmGuest::KvmGuest(std::shared_ptr<const KvmSnapshot> origin)
    : origin_(std::move(origin)), machine_(origin_->take()) {
  machine_->start();
}

KvmGuest::~KvmGuest() {
  if (!origin_)
    return;
  machine_->stop();
  origin_->give_back(std::move(machine_));
}

void KvmGuest::wait(std::chrono::milliseconds timeout, int input) const {
  std::array<struct pollfd, 3> fds{
      {{machine_->event_fd(), POLLIN, 0}, {base::stop_fd(), POLLIN, 0}, {input, POLLIN, 0}}};
  ::poll(fds.data(), fds.size(), static_cast<int>(timeout.count()));
}

GuestOutput KvmGuest::poll(std::chrono::milliseconds timeout, int input) {
  vmm::MachineNews news = machine_->take();
  const auto silent = [&news] { return news.output[0].empty() && news.output[1].empty(); };
  if (silent() && news.state == vmm::MachineState::running) {
    wait(timeout, input);
    std::this_thread::sleep_for(gather);
    news = machine_->take();
  }
  GuestOutput output;
  if (silent()) {
    output.state = state_of(news);
    output.reason =
        output.state == GuestState::crashed ? "the guest was reset: " + news.reason : "";
  }
  output.console = std::move(news.output[static_cast<std::size_t>(vmm::Port::console)]);
  output.channel = std::move(news.output[static_cast<std::size_t>(vmm::Port::channel)]);
  return output;
}

void KvmGuest::pause() {
  if (!held_)
    machine_->hold();
  held_ = true;
}

void KvmGuest::resume() {
  if (held_)
    machine_->let_go();
  held_ = false;
}

void KvmGuest::stop() {
  machine_->stop();
  held_ = false;
}

std::vector<CpuRegisters> KvmGuest::registers() {
  std::vector<CpuRegisters> all;
  for (const vmm::CpuLook& look : machine_->look()) {
    const struct kvm_regs& r = look.regs;
    CpuRegisters cpu;
    cpu.general = {r.rax, r.rcx, r.rdx, r.rbx, r.rsp, r.rbp, r.rsi, r.rdi,
                   r.r8,  r.r9,  r.r10, r.r11, r.r12, r.r13, r.r14, r.r15};
    cpu.rip = r.rip;
    cpu.rflags = r.rflags;
    cpu.cr3 = look.sregs.cr3;
    cpu.gs_base = look.sregs.gs.base;
    cpu.user = look.sregs.cs.dpl == 3;
    cpu.halted = look.halted;
    all.push_back(cpu);
  }
  return all;
}

bool KvmGuest::read_memory(std::uint64_t address, std::span<std::uint8_t> to) {
  const std::span<const std::uint8_t> from = machine_->memory().find(address, to.size());
  if (from.size() != to.size())
    return false;
  std::copy(from.begin(), from.end(), to.begin());
  return true;
}

std::shared_ptr<const Snapshot> KvmGuest::snapshot() {
  return std::make_shared<const KvmSnapshot>(machine_->snapshot());
}

} // namespace harness
