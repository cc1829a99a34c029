#include "vmm/machine.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <pthread.h>
#include <sys/random.h>

#include <fmt/format.h>

#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"
#include "vmm/boot/acpi.hpp"
#include "vmm/boot/cpu_state.hpp"
#include "vmm/boot/kernel.hpp"
#include "vmm/boot/layout.hpp"
#include "vmm/boot/mp_table.hpp"
#include "vmm/boot/zero_page.hpp"

namespace vmm {

namespace {

constexpr std::uint64_t least_memory = 2u << 20;
constexpr std::uint16_t console_port = 0x3f8;
constexpr std::uint16_t channel_port = 0x2f8;
constexpr unsigned console_line = 4;
constexpr unsigned channel_line = 3;
constexpr std::uint16_t uart_ports = 8;

// Interrupts KVM_RUN; nothing else uses it.
int kick_signal() { return SIGRTMIN + 5; }

void install_kick_signal() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    ::sigaction(kick_signal(), &action, nullptr); // without SA_RESTART
  });
}

// What firmware leaves in the registers a kernel reads (arch/x86/include/asm/msr-index.h).
std::vector<Msr> boot_msrs() {
  return {
      {0x10, 0},       // IA32_TSC
      {0x1a0, 1},      // IA32_MISC_ENABLE: fast strings
      {0x2ff, 0x806u}, // IA32_MTRR_DEF_TYPE: on, write-back
  };
}

std::string entropy() {
  std::string bytes(64, '\0');
  if (::getrandom(bytes.data(), bytes.size(), GRND_NONBLOCK) != static_cast<ssize_t>(bytes.size()))
    return {};
  return bytes;
}

const MachineSpec& checked(const MachineSpec& spec) {
  if (spec.cpus < 1 || spec.cpus > 255)
    throw base::UsageError(fmt::format("{} CPUs; expected 1 to 255", spec.cpus));
  if (spec.memory < least_memory)
    throw base::UsageError(
        fmt::format("{} bytes of guest memory; expected 2 MiB or more", spec.memory));
  return spec;
}

} // namespace

Machine::Machine(GuestMemory memory)
    : memory_(std::move(memory)), vm_(kvm_),
      console_([this](bool level) { vm_.set_irq(console_line, level); },
               [this](char byte) { output_.put(Port::console, byte); }),
      channel_([this](bool level) { vm_.set_irq(channel_line, level); },
               [this](char byte) { output_.put(Port::channel, byte); }),
      clock_([] { return std::time(nullptr); }),
      power_([this](MachineRequest) { end(MachineState::off, ""); }),
      keyboard_([this](MachineRequest) { end(MachineState::reset, "the guest asked for it"); }),
      reset_([this](MachineRequest) { end(MachineState::reset, "the guest asked for it"); }) {
  const GuestMemory::Region low = memory_.low();
  const GuestMemory::Region high = memory_.high();
  vm_.set_memory(0, low.address, low.host.data(), low.host.size());
  if (!high.host.empty())
    vm_.set_memory(1, high.address, high.host.data(), high.host.size());
  vm_.create_interrupt_controllers();
  attach_devices();
}

Machine::Machine(const MachineSpec& spec) : Machine(GuestMemory(checked(spec).memory)) {
  const CpuidTable supported = kvm_.supported_cpuid();
  const bool tsc_deadline = kvm_.extension(KVM_CAP_TSC_DEADLINE_TIMER) != 0;
  make_vcpus(spec.cpus,
             [&](unsigned index) { return vcpu_cpuid(supported, index, spec.cpus, tsc_deadline); });
  load(spec);
}

Machine::Machine(std::shared_ptr<const Snapshot> snapshot) : Machine(snapshot->memory.copy()) {
  origin_ = std::move(snapshot);
  make_vcpus(static_cast<unsigned>(origin_->cpus.size()),
             [this](unsigned index) { return origin_->cpus[index].cpuid; });
  restore(*origin_);
}

Machine::~Machine() {
  stop();
  {
    const std::lock_guard lock(parking_);
    quitting_ = true;
  }
  goes_.notify_all();
  for (const auto& cpu : cpus_)
    if (cpu->thread.joinable())
      cpu->thread.join();
}

void Machine::attach_devices() {
  bus_.attach("console", console_port, uart_ports, console_);
  bus_.attach("channel", channel_port, uart_ports, channel_);
  bus_.attach("clock", 0x70, 2, clock_);
  bus_.attach("keyboard", keyboard_command_port, 1, keyboard_);
  bus_.attach("power", pm1_event_port, 6, power_);
  bus_.attach("reset", 0xcf9, 1, reset_);
}

void Machine::make_vcpus(unsigned cpus, const std::function<CpuidTable(unsigned)>& cpuid) {
  const std::size_t run_size = kvm_.run_size();
  for (unsigned index = 0; index < cpus; ++index) {
    cpus_.push_back(std::make_unique<Cpu>(vm_.create_vcpu(index, run_size)));
    Cpu& cpu = *cpus_.back();
    cpu.cpuid = cpuid(index);
    cpu.vcpu.set_cpuid(cpu.cpuid);
    cpu.vcpu.set_msrs(boot_msrs());
    cpu.vcpu.connect_local_interrupts();
  }
  resting_ = cpus_.size();
}

void Machine::load(const MachineSpec& spec) {
  const LoadedKernel kernel = load_kernel(spec.kernel, memory_);
  const std::string initramfs = spec.initrd.empty() ? "" : base::read_file(spec.initrd);
  const Initrd initrd = place_initrd(initramfs.size(), kernel, memory_);
  memory_.write(initrd.address, initramfs);
  write_boot_params(memory_, kernel, initrd, spec.command_line, entropy());
  const auto cpus = static_cast<unsigned>(cpus_.size());
  write_acpi(memory_, cpus);
  write_mp_table(memory_, cpus);
  write_boot_tables(memory_);
  Vcpu& boot_cpu = cpus_.front()->vcpu;
  boot_cpu.set_sregs(boot_sregs(boot_cpu.sregs()));
  boot_cpu.set_regs(boot_regs(kernel.entry));
}

// No vCPU runs before all threads are there: the first to end kicks the others.
void Machine::start() {
  install_kick_signal();
  for (const auto& cpu : cpus_)
    if (!cpu->thread.joinable())
      cpu->thread = base::Thread([this, &cpu = *cpu] { serve(cpu); });
  {
    const std::lock_guard lock(parking_);
    ASSERT(resting_ == cpus_.size());
    resting_ = 0;
    ++rounds_;
  }
  goes_.notify_all();
}

// A thread serves its vCPU as long as there is a machine: KVM waits for a grace period of RCU
// whenever another thread runs a vCPU (kvm_vcpu_ioctl() of virt/kvm/kvm_main.c).
void Machine::serve(Cpu& cpu) {
  for (unsigned round = 0; await_start(round); rest()) {
    run(cpu);
    if (origin_)
      settle(cpu);
  }
}

bool Machine::await_start(unsigned& round) {
  std::unique_lock lock(parking_);
  goes_.wait(lock, [&] { return quitting_ || rounds_ != round; });
  round = rounds_;
  return !quitting_;
}

void Machine::rest() {
  {
    const std::lock_guard lock(parking_);
    ++resting_;
  }
  stands_.notify_all();
}

void Machine::run(Cpu& cpu) {
  cpu.settled = false;
  try {
    while (!stopping_ && handle(cpu, cpu.vcpu.run())) {
    }
  } catch (const base::Error& error) {
    end(MachineState::failed, error.what());
  }
}

// False: this vCPU runs no more.
bool Machine::handle(Cpu& cpu, const Exit& exit) {
  switch (exit.kind) {
  case ExitKind::in:
    bus_.read(exit.port, exit.size, exit.data);
    return true;
  case ExitKind::out:
    bus_.write(exit.port, exit.size, exit.data);
    output_.wait_for_room();
    return true;
  case ExitKind::mmio_read:
    std::fill(exit.data.begin(), exit.data.end(), std::uint8_t{0xff});
    [[fallthrough]];
  case ExitKind::mmio_write:
    ++cpu.mmio;
    return true;
  case ExitKind::interrupted:
    ++cpu.interrupted;
    cpu.vcpu.let_run();
    park();
    if (cpu.nmi.exchange(false))
      cpu.vcpu.inject_nmi();
    return true;
  case ExitKind::shutdown:
    end(MachineState::reset, "triple fault");
    return false;
  case ExitKind::halt: // never with an interrupt controller in the kernel
  case ExitKind::failed:
    end(MachineState::failed,
        fmt::format("{} at RIP {:#x}", exit.detail, std::uint64_t{cpu.vcpu.regs().rip}));
    return false;
  }
  return false;
}

// The first end counts.
void Machine::end(MachineState state, const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    if (state_ == MachineState::running) {
      state_ = state;
      reason_ = reason;
    }
  }
  stopping_ = true;
  for (const auto& cpu : cpus_)
    kick(*cpu);
  output_.wake();
}

void Machine::kick(Cpu& cpu) {
  cpu.vcpu.interrupt();
  if (cpu.thread.joinable() && !::pthread_equal(cpu.thread.id(), ::pthread_self()))
    ::pthread_kill(cpu.thread.id(), kick_signal());
}

// The state is read before the output: what a guest sent before its end is not lost behind it.
MachineNews Machine::take() {
  MachineNews news;
  {
    const std::lock_guard lock(mutex_);
    news.state = state_;
    news.reason = reason_;
  }
  news.output = output_.take();
  return news;
}

void Machine::send(Port port, std::string_view bytes) {
  bus_.locked([&] { (port == Port::console ? console_ : channel_).receive(bytes); });
}

void Machine::inject_nmi() {
  for (const auto& cpu : cpus_) {
    cpu->nmi = true;
    kick(*cpu);
  }
}

void Machine::stop() {
  end(MachineState::off, "");
  while (holds_ > 0)
    let_go();
  output_.close();
  std::unique_lock lock(parking_);
  stands_.wait(lock, [this] { return resting_ == cpus_.size(); });
}

std::map<std::string, std::uint64_t> Machine::exits() const {
  std::map<std::string, std::uint64_t> counts = bus_.accesses();
  for (const auto& cpu : cpus_) {
    counts["mmio"] += cpu->mmio;
    counts["interrupted"] += cpu->interrupted;
  }
  return counts;
}

} // namespace vmm
