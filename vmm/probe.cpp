#include "vmm/probe.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <exception>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "vmm/base/error.hpp"
#include "vmm/base/fd.hpp"
#include "vmm/base/mapping.hpp"
#include "vmm/boot/cpu_state.hpp"
#include "vmm/kvm/vm.hpp"
#include "vmm/probe_guest.hpp"

namespace vmm {

namespace {

constexpr int limit_ms = 1000; // some 10 on hardware; the lab took 257

// Long mode, ring 0, with the tables of write_probe_guest.
void set_long_mode(Vcpu& vcpu, bool xsave) {
  struct kvm_sregs sregs = vcpu.sregs();
  sregs.cs = flat_segment(probe_kernel_cs, 11);
  sregs.cs.l = 1;
  sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = flat_segment(probe_kernel_ds, 3);
  sregs.ds.db = sregs.es.db = sregs.fs.db = sregs.gs.db = sregs.ss.db = 1;
  sregs.tr = flat_segment(probe_tss_selector, 11);
  sregs.tr.base = probe_tss;
  sregs.tr.limit = 0x67;
  sregs.tr.s = 0;
  sregs.tr.g = 0;
  sregs.gdt.base = probe_gdt;
  sregs.gdt.limit = 0x37;
  sregs.idt.base = probe_idt;
  sregs.idt.limit = 0xfff;
  sregs.cr3 = probe_pml4;
  sregs.cr4 = 0x620 | (xsave ? 0x40000U : 0U); // PAE, OSFXSR, OSXMMEXCPT, OSXSAVE
  sregs.cr0 = 0x80050033;                      // PG, AM, WP, NE, ET, MP, PE
  sregs.efer = 0x500;                          // LMA, LME
  vcpu.set_sregs(sregs);
  struct kvm_regs regs {};
  regs.rip = probe_code;
  regs.rsp = probe_stack_top;
  regs.rflags = 0x2;
  regs.rdi = xsave ? 1 : 0;
  vcpu.set_regs(regs);
}

// What an exit other than the guest's own reports says.
std::string exit_text(const Exit& exit) {
  switch (exit.kind) {
  case ExitKind::failed:
    return exit.detail;
  case ExitKind::shutdown:
    return "KVM_EXIT_SHUTDOWN (triple fault)";
  case ExitKind::halt:
    return "a wrong result";
  default:
    return "an access to no memory";
  }
}

KvmProbe run_guest(Vcpu& vcpu) {
  ProbeStage stage = ProbeStage::none;
  while (stage != ProbeStage::ring3) {
    const Exit exit = vcpu.run();
    if (exit.kind == ExitKind::interrupted)
      continue;
    if (exit.kind != ExitKind::out || exit.port != probe_port)
      return {false, fmt::format("a probe guest failed at {}: {}; guest code is emulated there",
                                 stage_after(stage), exit_text(exit))};
    stage = static_cast<ProbeStage>(exit.data.front());
  }
  return {true, "a probe guest ran INT3, CMPXCHG16B, XSAVE and user mode"};
}

KvmProbe try_guest() {
  const Kvm kvm;
  const base::Mapping memory = base::Mapping::anonymous(probe_memory, "guest memory");
  Vm vm(kvm);
  write_probe_guest(memory.data());
  vm.set_memory(0, 0, memory.data(), memory.size());
  Vcpu vcpu = vm.create_vcpu(0, kvm.run_size());
  const CpuidTable cpuid = kvm.supported_cpuid();
  vcpu.set_cpuid(cpuid);
  set_long_mode(vcpu, cpuid.has_xsave());
  return run_guest(vcpu);
}

// The child's work: 'y' or 'n' and the reason into the pipe.
[[noreturn]] void answer(int pipe) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  KvmProbe result;
  try {
    result = try_guest();
  } catch (const std::exception& error) {
    result.reason = error.what();
  }
  const std::string text = (result.usable ? "y" : "n") + result.reason;
  const ssize_t n = ::write(pipe, text.data(), text.size());
  ::_exit(n == static_cast<ssize_t>(text.size()) ? 0 : 1);
}

// One message of the child; empty when none came in time or it died without one.
std::string receive(const base::Fd& pipe) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(limit_ms);
  std::array<char, 512> buffer;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    struct pollfd wait {
      pipe.get(), POLLIN, 0
    };
    const int ready = ::poll(&wait, 1, left.count() > 0 ? static_cast<int>(left.count()) : 0);
    if (ready < 0 && errno == EINTR)
      continue;
    if (ready <= 0)
      return {};
    const ssize_t n = ::read(pipe.get(), buffer.data(), buffer.size());
    return {buffer.data(), n > 0 ? static_cast<std::size_t>(n) : 0};
  }
}

} // namespace

// The guest runs in a child process: a KVM_RUN that never returns is ended with SIGKILL, and no
// signal handler of the process is touched.
KvmProbe probe_kvm() {
  try {
    base::Pipe pipe = base::make_pipe();
    const pid_t pid = ::fork();
    if (pid < 0)
      throw base::SysError(errno, "fork", "KVM probe");
    if (pid == 0)
      answer(pipe.write.get());
    pipe.write.reset();
    const std::string text = receive(pipe.read);
    ::kill(pid, SIGKILL);
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    if (text.empty())
      return {false, fmt::format("a probe guest did not end within {} ms", limit_ms)};
    return {text[0] == 'y', text.substr(1)};
  } catch (const std::exception& error) {
    return {false, error.what()};
  }
}

} // namespace vmm
