#include "vmm/probe.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <exception>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "vmm/base/error.hpp"
#include "vmm/base/fd.hpp"
#include "vmm/probe_guest.hpp"

namespace vmm {

namespace {

constexpr int limit_ms = 200;

class Mapping {
 public:
  Mapping(std::size_t size, int flags, int fd, const char* object)
      : address_(::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, fd, 0)), size_(size) {
    if (address_ == MAP_FAILED)
      throw base::SysError(errno, "mmap", object);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() { ::munmap(address_, size_); }
  void* get() const { return address_; }

 private:
  void* address_;
  std::size_t size_;
};

template<class Argument>
int call(const base::Fd& fd, unsigned long request, Argument argument, const char* name) {
  int result;
  do
    result = ::ioctl(fd.get(), request, argument);
  while (result < 0 && errno == EINTR);
  if (result < 0)
    throw base::SysError(errno, name, "/dev/kvm");
  return result;
}

base::Fd open_kvm() {
  base::Fd kvm(::open("/dev/kvm", O_RDWR | O_CLOEXEC));
  if (!kvm)
    throw base::SysError(errno, "open", "/dev/kvm");
  const int version = call(kvm, KVM_GET_API_VERSION, 0, "KVM_GET_API_VERSION");
  if (version != KVM_API_VERSION)
    throw base::Error(
        fmt::format("/dev/kvm: API version {}, expected {}", version, KVM_API_VERSION));
  return kvm;
}

struct kvm_segment segment(std::uint16_t selector, std::uint8_t type) {
  struct kvm_segment s {};
  s.selector = selector;
  s.limit = 0xffffffff;
  s.type = type;
  s.present = 1;
  s.s = 1;
  s.g = 1;
  return s;
}

// Long mode, ring 0, with the tables of write_probe_guest.
void set_long_mode(const base::Fd& vcpu, bool xsave) {
  struct kvm_sregs sregs {};
  call(vcpu, KVM_GET_SREGS, &sregs, "KVM_GET_SREGS");
  sregs.cs = segment(probe_kernel_cs, 11);
  sregs.cs.l = 1;
  sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = segment(probe_kernel_ds, 3);
  sregs.ds.db = sregs.es.db = sregs.fs.db = sregs.gs.db = sregs.ss.db = 1;
  sregs.tr = segment(probe_tss_selector, 11);
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
  call(vcpu, KVM_SET_SREGS, &sregs, "KVM_SET_SREGS");
  struct kvm_regs regs {};
  regs.rip = probe_code;
  regs.rsp = probe_stack_top;
  regs.rflags = 0x2;
  regs.rdi = xsave ? 1 : 0;
  call(vcpu, KVM_SET_REGS, &regs, "KVM_SET_REGS");
}

// struct kvm_cpuid2 with room. In C++ the header's own flexible array takes part in the size, which
// is wrong by four bytes and so makes a wrong ioctl number; the right size is that of two u32.
struct CpuidTable {
  std::uint32_t count = 256;
  std::uint32_t padding = 0;
  std::array<struct kvm_cpuid_entry2, 256> entries{};
};
constexpr unsigned long get_supported_cpuid = _IOWR(KVMIO, 0x05, std::uint64_t);
constexpr unsigned long set_cpuid2 = _IOW(KVMIO, 0x90, std::uint64_t);

// Gives the vCPU all that KVM supports; returns whether XSAVE is among it.
bool set_cpuid(const base::Fd& kvm, const base::Fd& vcpu) {
  CpuidTable cpuid;
  call(kvm, get_supported_cpuid, &cpuid, "KVM_GET_SUPPORTED_CPUID");
  call(vcpu, set_cpuid2, &cpuid, "KVM_SET_CPUID2");
  for (std::uint32_t i = 0; i < cpuid.count; ++i)
    if (cpuid.entries[i].function == 1)
      return (cpuid.entries[i].ecx >> 26 & 1) != 0;
  return false;
}

// What an exit other than the guest's own reports says.
std::string exit_text(const struct kvm_run& run) {
  switch (run.exit_reason) {
  case KVM_EXIT_INTERNAL_ERROR:
    return fmt::format("KVM_EXIT_INTERNAL_ERROR, suberror {}", run.internal.suberror);
  case KVM_EXIT_FAIL_ENTRY:
    return fmt::format("KVM_EXIT_FAIL_ENTRY {:#x}",
                       std::uint64_t{run.fail_entry.hardware_entry_failure_reason});
  case KVM_EXIT_SHUTDOWN:
    return "KVM_EXIT_SHUTDOWN (triple fault)";
  case KVM_EXIT_HLT:
    return "a wrong result";
  default:
    return fmt::format("KVM exit {}", run.exit_reason);
  }
}

KvmProbe run_guest(const base::Fd& vcpu, const struct kvm_run& run) {
  ProbeStage stage = ProbeStage::none;
  while (stage != ProbeStage::ring3) {
    call(vcpu, KVM_RUN, 0, "KVM_RUN");
    if (run.exit_reason != KVM_EXIT_IO || run.io.port != probe_port)
      return {false, fmt::format("a probe guest failed at {}: {}; guest code is emulated there",
                                 stage_after(stage), exit_text(run))};
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&run);
    stage = static_cast<ProbeStage>(bytes[run.io.data_offset]);
  }
  return {true, "a probe guest ran INT3, CMPXCHG16B, XSAVE and user mode"};
}

KvmProbe try_guest() {
  const base::Fd kvm = open_kvm();
  const base::Fd vm(call(kvm, KVM_CREATE_VM, 0, "KVM_CREATE_VM"));
  call(vm, KVM_SET_TSS_ADDR, 0xfffbd000UL, "KVM_SET_TSS_ADDR");
  const Mapping memory(probe_memory, MAP_PRIVATE | MAP_ANONYMOUS, -1, "guest memory");
  write_probe_guest(static_cast<std::uint8_t*>(memory.get()));
  struct kvm_userspace_memory_region region {};
  region.memory_size = probe_memory;
  region.userspace_addr = reinterpret_cast<std::uint64_t>(memory.get());
  call(vm, KVM_SET_USER_MEMORY_REGION, &region, "KVM_SET_USER_MEMORY_REGION");
  const base::Fd vcpu(call(vm, KVM_CREATE_VCPU, 0, "KVM_CREATE_VCPU"));
  const int run_size = call(kvm, KVM_GET_VCPU_MMAP_SIZE, 0, "KVM_GET_VCPU_MMAP_SIZE");
  const Mapping run(static_cast<std::size_t>(run_size), MAP_SHARED, vcpu.get(), "vcpu");
  set_long_mode(vcpu, set_cpuid(kvm, vcpu));
  return run_guest(vcpu, *static_cast<struct kvm_run*>(run.get()));
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
