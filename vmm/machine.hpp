// A machine that boots Linux on KVM: a kernel entered directly, two serial ports, and as little
// else as a kernel needs.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "vmm/base/thread.hpp"
#include "vmm/boot/guest_memory.hpp"
#include "vmm/device/bus.hpp"
#include "vmm/device/clock.hpp"
#include "vmm/device/control.hpp"
#include "vmm/device/uart.hpp"
#include "vmm/kvm/vm.hpp"
#include "vmm/output.hpp"
#include "vmm/snapshot.hpp"

namespace vmm {

struct MachineSpec {
  std::filesystem::path kernel; // ELF vmlinux or bzImage
  std::filesystem::path initrd; // empty: none
  std::string command_line;     // whole
  unsigned cpus = 1;            // 1 to 255
  std::uint64_t memory = 0;     // bytes, at least 2 MiB
};

enum class MachineState : std::uint8_t {
  running,
  off,    // the guest powered off, or stop()
  reset,  // a triple fault, or the guest asked for a reset
  failed, // KVM gave up
};

struct MachineNews {
  std::array<std::string, port_count> output; // new bytes, by Port
  MachineState state = MachineState::running;
  std::string reason; // reset, failed: one line
};

// A vCPU as it stands.
struct CpuLook {
  struct kvm_regs regs {};
  struct kvm_sregs sregs {};
  bool halted = false; // waits for an interrupt, or for its start
};

// What a snapshot depends on beside the guest: this version of the machine, and what KVM offers of
// this host's CPUs. A short text. Throws base::Error where there is no KVM.
std::string machine_identity();

class Machine {
 public:
  // Loads the kernel; nothing runs yet. Throws base::UsageError for a kernel or an initramfs that
  // cannot be used (boot/kernel.hpp) and for bad numbers, base::SysError where /dev/kvm refuses.
  explicit Machine(const MachineSpec& spec);
  // A clone: start() goes on where the snapshot was taken. Throws base::Error where KVM refuses.
  explicit Machine(std::shared_ptr<const Snapshot> snapshot);
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  ~Machine();

  // Starts the vCPUs, a thread each. Once, and once more after each rewind(). Throws base::SysError
  // where there is no thread to be had.
  void start();
  // Readable while take() may have something new.
  int event_fd() const { return output_.fd(); }
  // Output that came before the end is there no later than the end.
  MachineNews take();
  // Queues bytes for a serial port. Any thread.
  void send(Port port, std::string_view bytes);
  // A non-maskable interrupt to every vCPU. Any thread.
  void inject_nmi();
  // Holds the vCPUs where they are until let_go(), which stop() does, too; look() and snapshot()
  // may be called meanwhile, and end no hold. A second hold needs a second let_go(). From the
  // thread that calls take().
  void hold();
  void let_go();
  // Each vCPU, in their order; the guest goes on. From the thread that calls take(), as the next
  // two.
  std::vector<CpuLook> look();
  // The guest's memory, which it may change at any time.
  const GuestMemory& memory() const { return memory_; }
  // The guest goes on. Throws base::Error once it has ended, and where KVM refuses.
  std::shared_ptr<const Snapshot> snapshot();
  // Makes a clone that was stopped as it was before start(), with all that it has of KVM and its
  // threads. Throws base::Error where KVM refuses: it is of no use then.
  void rewind();
  // Ends the guest: no vCPU runs any more. May be called again.
  void stop();

  // Exits to user space so far: by the device that was accessed, "none" for ports without one,
  // "mmio", "interrupted".
  std::map<std::string, std::uint64_t> exits() const;

 private:
  class Pause;
  struct Cpu {
    explicit Cpu(Vcpu made) : vcpu(std::move(made)) {}
    Vcpu vcpu;
    CpuidTable cpuid;
    base::Thread thread;
    std::atomic<bool> nmi{false};
    bool settled = false; // since it ran; written by its thread before it rests
    std::atomic<std::uint64_t> mmio{0};
    std::atomic<std::uint64_t> interrupted{0};
  };

  explicit Machine(GuestMemory memory);
  void load(const MachineSpec& spec);
  void make_vcpus(unsigned cpus, const std::function<CpuidTable(unsigned index)>& cpuid);
  void attach_devices();
  void restore(const Snapshot& snapshot);
  DeviceStates save_devices();
  static void settle(Cpu& cpu);
  void serve(Cpu& cpu);
  bool await_start(unsigned& round);
  void rest();
  void park();
  void run(Cpu& cpu);
  bool handle(Cpu& cpu, const Exit& exit);
  void end(MachineState state, const std::string& reason);
  void kick(Cpu& cpu);

  Kvm kvm_;
  std::shared_ptr<const Snapshot> origin_; // of a clone
  GuestMemory memory_;
  Vm vm_;
  Output output_;
  Uart console_;
  Uart channel_;
  Clock clock_;
  PowerControl power_;
  KeyboardController keyboard_;
  ResetControl reset_;
  Bus bus_;
  std::vector<std::unique_ptr<Cpu>> cpus_;
  std::atomic<bool> stopping_{false};
  unsigned holds_ = 0;             // hold() without its let_go()
  std::mutex parking_;             // guards what follows, to resting_
  std::condition_variable stands_; // a vCPU thread parked or rests; who holds or stops waits for it
  std::condition_variable goes_;   // the vCPU threads may go on, or shall quit; they wait for it
  unsigned rounds_ = 0;            // calls of start()
  bool quitting_ = false;
  bool pausing_ = false;
  std::size_t parked_ = 0;   // vCPU threads that wait in park()
  std::size_t resting_ = 0;  // vCPU threads that wait for the next start()
  mutable std::mutex mutex_; // guards the next two
  MachineState state_ = MachineState::running;
  std::string reason_;
};

} // namespace vmm
