// From exec to "agent ready": krepro's machine and QEMU's on the same kernel, initramfs and command
// line, in interleaved rounds; and krepro's from a saved snapshot, until the agent answers. Prints
// medians, ratios taken in this run, exits to user space and the memory that the machine itself
// takes. usage: bench_boot VMLINUX BZIMAGE [ROUNDS]
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "guest/blob.hpp"
#include "guest/program.hpp"
#include "guest/wire.hpp"
#include "harness/backend/backend.hpp"
#include "harness/backend/command_line.hpp"
#include "harness/backend/initramfs.hpp"
#include "tests/bench/bench.hpp"
#include "vmm/base/error.hpp"
#include "vmm/base/fd.hpp"
#include "vmm/base/files.hpp"

namespace {

using bench::median;

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr const char* append = "quiet";
constexpr unsigned cpus = 2;
constexpr unsigned memory_mib = 512;
constexpr std::string_view hello = "KRPO"; // a frame of guest/wire.hpp
constexpr int limit_s = 120;

struct Contender {
  std::string name;
  std::vector<std::string> argv; // writes what the agent sends to its standard output
  std::vector<double> seconds;
};

// Writes to free memory, that no boot pays for what another left there: under emulation a page that
// held code that ran is many times slower to write than others, once.
void scrub_free_memory() {
  constexpr std::size_t size = std::size_t{3} * (std::size_t{memory_mib} << 20);
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    throw base::SysError(errno, "mmap", "");
  ::madvise(memory, size, MADV_HUGEPAGE);
  ::madvise(memory, size, MADV_POPULATE_WRITE);
  ::munmap(memory, size);
}

// Until the agent's first frame; throws where none comes.
double boot_once(const Contender& contender) {
  base::Pipe out = base::make_pipe();
  std::vector<char*> argv;
  for (const std::string& word : contender.argv)
    argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const Clock::time_point start = Clock::now();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::alarm(limit_s);
    ::dup2(::open("/dev/null", O_RDONLY), STDIN_FILENO);
    ::dup2(out.write.get(), STDOUT_FILENO);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  out.write.reset();
  std::string heard;
  std::array<char, 256> buffer;
  while (heard.find(hello) == std::string::npos) {
    const ssize_t n = ::read(out.read.get(), buffer.data(), buffer.size());
    if (n <= 0)
      break;
    heard.append(buffer.data(), static_cast<std::size_t>(n));
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  if (heard.find(hello) == std::string::npos)
    throw base::Error(contender.name + ": no word of the agent");
  return seconds;
}

std::vector<std::string> qemu(const std::string& machine, const std::string& kernel,
                              const std::string& initrd) {
  return {"qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-accel",
          "kvm", "-cpu", "host", "-smp", std::to_string(cpus), "-m", std::to_string(memory_mib),
          "-M", machine, "-kernel", kernel, "-initrd", initrd, "-append",
          harness::command_line(append, harness::Hypervisor::krepro),
          // the console to nowhere, the channel to standard output
          "-chardev", "null,id=console", "-serial", "chardev:console", "-chardev",
          "stdio,id=channel,signal=off", "-device",
          "isa-serial,chardev=channel,index=1,iobase=0x2f8,irq=3"};
}

// Resident memory of this process in KiB, without that of its largest mapping, the guest's.
unsigned long overhead_kib() {
  std::ifstream maps("/proc/self/smaps");
  unsigned long all = 0;
  unsigned long guest = 0;
  unsigned long largest = 0;
  unsigned long size = 0;
  for (std::string line; std::getline(maps, line);) {
    std::istringstream words(line);
    std::string key;
    unsigned long value = 0;
    if (!(words >> key >> value))
      continue;
    if (key == "Size:")
      size = value;
    if (key != "Rss:")
      continue;
    all += value;
    if (size > largest) {
      largest = size;
      guest = value;
    }
  }
  return all - guest;
}

harness::BootSpec spec_of(const std::string& kernel, const std::string& initrd) {
  harness::BootSpec spec;
  spec.name = "bench";
  (kernel.ends_with("vmlinux") ? spec.vmlinux : spec.bzimage) = kernel;
  spec.initramfs = initrd;
  spec.append = append;
  spec.cpus = cpus;
  spec.memory = std::uint64_t{memory_mib} << 20;
  return spec;
}

// What the agent sends up to a frame of that type.
std::string await(harness::Guest& guest, guest::FrameType type) {
  guest::Decoder decoder;
  std::string heard;
  for (;;) {
    const harness::GuestOutput output = guest.poll(std::chrono::seconds(1));
    heard += output.channel;
    decoder.feed(output.channel);
    while (const auto frame = decoder.next())
      if (frame->type == type)
        return heard;
    if (output.state != harness::GuestState::running)
      throw base::Error("the guest ended");
  }
}

// To standard output, then waits to be killed.
[[noreturn]] void tell(const std::string& heard) {
  std::fwrite(heard.data(), 1, heard.size(), stdout);
  std::fflush(stdout);
  for (;;)
    ::pause();
}

// One guest on krepro's machine: what its agent sends goes to standard output, a line about exits
// and memory to a file.
int be_guest(const std::string& kernel, const std::string& initrd, const std::string& cache) {
  const auto backend = harness::make_backend("kvm", cache, cache);
  const auto guest = backend->boot(spec_of(kernel, initrd));
  const std::string heard = await(*guest, guest::FrameType::hello);
  std::uint64_t total = 0;
  std::string kinds;
  for (const auto& [kind, count] : guest->exits()) {
    total += count;
    kinds += fmt::format(" {} {}", kind, count);
  }
  std::ofstream(cache + "/last") << fmt::format("exits to user space: {} ({} )\nbeside the guest's "
                                                "memory: {} KiB resident\n",
                                                total, kinds, overhead_kib());
  tell(heard);
}

// One that goes on from the snapshot that save_guest() left.
int be_clone(const std::string& cache) {
  const auto backend = harness::make_backend("kvm", cache, cache);
  const auto guest = backend->clone(backend->load(cache + "/snapshot", "bench").snapshot);
  guest->send(guest::encode(guest::Wake{"seed", 0, true}));
  tell(await(*guest, guest::FrameType::awake));
}

// A guest whose agent holds an empty program.
void save_guest(const std::string& kernel, const std::string& initrd, const std::string& cache) {
  const auto backend = harness::make_backend("kvm", cache, cache);
  const auto guest = backend->boot(spec_of(kernel, initrd));
  await(*guest, guest::FrameType::hello);
  guest::Setup setup;
  setup.hold = true;
  guest->send(guest::encode(setup) +
              guest::encode({guest::FrameType::program, guest::encode(guest::Program{})}));
  await(*guest, guest::FrameType::armed);
  backend->save(*guest->snapshot(), cache + "/snapshot", "bench", "");
}

void print(const std::vector<Contender>& all) {
  for (const Contender& c : all) {
    const auto [least, most] = std::minmax_element(c.seconds.begin(), c.seconds.end());
    fmt::print("{:<22} {:7.3f} s   ({:.3f} to {:.3f})\n", c.name, median(c.seconds), *least, *most);
  }
  const auto ratio = [&](std::size_t a, std::size_t b) {
    if (all[a].seconds.empty() || all[b].seconds.empty())
      return;
    std::vector<double> ratios;
    for (std::size_t i = 0; i < all[a].seconds.size(); ++i)
      ratios.push_back(all[a].seconds[i] / all[b].seconds[i]);
    fmt::print("{} / {}: {:.3f} of the medians, {:.3f} the median round\n", all[a].name,
               all[b].name, median(all[a].seconds) / median(all[b].seconds), median(ratios));
  };
  ratio(0, 2);
  ratio(1, 3);
  ratio(0, 4);
  ratio(1, 4);
  ratio(5, 2);
}

int run(int argc, char** argv) {
  if (argc == 5 && std::string_view(argv[1]) == "--guest")
    return be_guest(argv[2], argv[3], argv[4]);
  if (argc == 3 && std::string_view(argv[1]) == "--clone")
    return be_clone(argv[2]);
  if (argc < 3) {
    fmt::print(stderr, "usage: bench_boot VMLINUX BZIMAGE [ROUNDS]\n");
    return 129;
  }
  const std::string vmlinux = argv[1];
  const std::string bzimage = argv[2];
  const int rounds = argc > 3 ? std::atoi(argv[3]) : 5;
  const base::TempDir folder(fs::temp_directory_path(), "krepro-bench-");
  const std::string initrd = folder.path() / "initramfs";
  base::write_file(initrd, harness::make_initramfs(guest::agent_binary(), {}));
  const auto own = [&](const std::string& kernel) {
    return std::vector<std::string>{"/proc/self/exe", "--guest", kernel, initrd, folder.path()};
  };
  const std::string microvm = "microvm,x-option-roms=off,auto-kernel-cmdline=off";
  std::vector<Contender> all{{"krepro vmlinux", own(vmlinux), {}},
                             {"krepro bzImage", own(bzimage), {}},
                             {"microvm vmlinux (PVH)", qemu(microvm, vmlinux, initrd), {}},
                             {"microvm bzImage", qemu(microvm, bzimage, initrd), {}},
                             {"q35 bzImage", qemu("q35", bzimage, initrd), {}},
                             {"krepro snapshot", {"/proc/self/exe", "--clone", folder.path()}, {}}};
  save_guest(vmlinux, initrd, folder.path());
  for (int round = -1; round < rounds; ++round) // one to warm up
    for (Contender& contender : all) {
      scrub_free_memory();
      const double seconds = boot_once(contender);
      if (round >= 0)
        contender.seconds.push_back(seconds);
      fmt::print(stderr, "round {:2} {:<22} {:.3f} s\n", round, contender.name, seconds);
    }
  print(all);
  fmt::print("{}", base::read_file(folder.path() / "last"));
  return 0;
}

} // namespace

int main(int argc, char** argv) { return bench::run_main("bench_boot", run, argc, argv); }
