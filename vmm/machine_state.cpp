// A machine that stands still for a moment: looked at, saved, put back.
#include <fmt/format.h>

#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"
#include "vmm/base/log.hpp"
#include "vmm/machine.hpp"

namespace vmm {

namespace {

// Raised with every change of what a guest finds in its machine.
constexpr unsigned machine_version = 1;

} // namespace

// Of one CPU's table: KVM's has the ids of the CPU that asks.
std::string machine_identity() {
  const CpuidTable cpuid = vcpu_cpuid(Kvm().supported_cpuid(), 0, 1, true);
  const std::string_view entries(reinterpret_cast<const char*>(cpuid.entries.data()),
                                 cpuid.count * sizeof cpuid.entries[0]);
  return fmt::format("{} {}", machine_version, base::sha256(entries));
}

// A thread that waits for room in the output is let go: who would make room waits here.
void Machine::hold() {
  if (holds_++ > 0)
    return;
  std::unique_lock lock(parking_);
  pausing_ = true;
  output_.close();
  for (const auto& cpu : cpus_)
    kick(*cpu);
  stands_.wait(lock, [this] { return parked_ + resting_ == cpus_.size(); });
}

void Machine::let_go() {
  if (--holds_ > 0)
    return;
  {
    const std::lock_guard lock(parking_);
    pausing_ = false;
  }
  if (!stopping_)
    output_.open();
  goes_.notify_all();
}

// Waits while the machine is paused.
void Machine::park() {
  std::unique_lock lock(parking_);
  if (!pausing_)
    return;
  ++parked_;
  stands_.notify_all();
  goes_.wait(lock, [this] { return !pausing_; });
  --parked_;
}

class Machine::Pause {
 public:
  explicit Pause(Machine& machine) : machine_(machine) { machine_.hold(); }
  Pause(const Pause&) = delete;
  Pause& operator=(const Pause&) = delete;
  ~Pause() { machine_.let_go(); }

 private:
  Machine& machine_;
};

std::vector<CpuLook> Machine::look() {
  const Pause pause(*this);
  std::vector<CpuLook> all;
  for (const auto& cpu : cpus_)
    all.push_back({cpu->vcpu.regs(), cpu->vcpu.sregs(), cpu->vcpu.halted()});
  return all;
}

DeviceStates Machine::save_devices() {
  DeviceStates states;
  bus_.locked([&] { states = {console_.save(), channel_.save(), clock_.save(), power_.save()}; });
  return states;
}

std::shared_ptr<const Snapshot> Machine::snapshot() {
  const Pause pause(*this);
  if (stopping_)
    throw base::Error("the guest has ended: no snapshot of it can be taken");
  const std::size_t xsave_size = kvm_.xsave_size();
  const std::vector<std::uint32_t> msrs = kvm_.msr_indexes();
  std::vector<VcpuState> cpus;
  for (const auto& cpu : cpus_) {
    cpus.push_back(cpu->vcpu.save(xsave_size, msrs));
    cpus.back().cpuid = cpu->cpuid;
  }
  return std::make_shared<const Snapshot>(
      Snapshot{MemoryImage(memory_), vm_.save(), std::move(cpus), save_devices()});
}

// The lines of the devices before the controllers that remember them.
void Machine::restore(const Snapshot& snapshot) {
  console_.restore(snapshot.devices.console);
  channel_.restore(snapshot.devices.channel);
  clock_.restore(snapshot.devices.clock);
  power_.restore(snapshot.devices.power);
  const std::uint64_t tsc = tsc_of(snapshot.cpus.front());
  for (std::size_t i = 0; i < cpus_.size(); ++i)
    cpus_[i]->vcpu.restore(snapshot.cpus[i], tsc);
  vm_.restore(snapshot.vm);
}

// What an exit left open would otherwise be written into the registers of the next guest.
void Machine::settle(Cpu& cpu) {
  constexpr int most_exits = 1000; // of one instruction that is repeated
  try {
    cpu.vcpu.interrupt();
    for (int exits = 0; !cpu.settled && exits < most_exits; ++exits)
      cpu.settled = cpu.vcpu.run().kind == ExitKind::interrupted;
    cpu.vcpu.let_run();
    cpu.nmi = false;
  } catch (const base::Error& error) {
    base::log("vmm", base::LogLevel::debug, "a vCPU is not settled: {}", error.what());
  }
}

void Machine::rewind() {
  ASSERT(origin_ != nullptr);
  {
    const std::lock_guard lock(parking_);
    ASSERT(resting_ == cpus_.size());
  }
  if (state_ == MachineState::reset || state_ == MachineState::failed)
    throw base::Error("a guest that died is not put back");
  for (const auto& cpu : cpus_)
    if (!cpu->settled)
      throw base::Error("KVM: an exit does not end");
  origin_->memory.put_back(memory_);
  restore(*origin_);
  output_.reset();
  state_ = MachineState::running;
  reason_.clear();
  stopping_ = false;
}

} // namespace vmm
