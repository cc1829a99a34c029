// Many boots in one process, on KVM: each ends as it should, and none leaves a descriptor, a thread
// or memory behind. Prints the figures.
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "harness/backend/command_line.hpp"
#include "harness/backend/initramfs.hpp"
#include "tests/kvm/machine_test.hpp"
#include "vmm/base/files.hpp"
#include "vmm/machine.hpp"

using kvm_test::hear;
using kvm_test::Heard;
using kvm_test::Holdings;
using kvm_test::holdings;
using kvm_test::rounds;

namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

constexpr int settled_after = 10; // boots: what is made once for a process is there

void print(const char* when, const Holdings& held) {
  fmt::print("{}: {} descriptors, {} threads, VmRSS {} KiB\n", when, held.descriptors, held.threads,
             held.resident_kib);
}

// Boots `count` times. 1 MiB of memory may come: malloc's arenas fit the thread that used most.
// A leaked guest would show: the small one has touched 100 KiB at least, 500 times.
void boot_often(int count, const std::function<void(int)>& boot) {
  const auto begin = Clock::now();
  Holdings before;
  for (int i = 0; i < count; ++i) {
    INFO("boot " << i + 1 << " of " << count);
    boot(i);
    if (i + 1 == settled_after)
      before = holdings();
  }
  const double taken = std::chrono::duration<double>(Clock::now() - begin).count();
  const Holdings after = holdings();
  print("after boot 10", before);
  print(fmt::format("after boot {}", count).c_str(), after);
  fmt::print("{} boots: {:.1f} s, {:.1f} ms each\n", count, taken, taken * 1000 / count);
  CHECK(after.descriptors == before.descriptors);
  CHECK(after.threads == before.threads);
  CHECK(after.resident_kib <= before.resident_kib + 1024);
}

// A folder that is removed.
class Scratch {
 public:
  Scratch() {
    std::string name = (fs::temp_directory_path() / "krepro-boots-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { fs::remove_all(path_); }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

} // namespace

TEST_CASE("500 boots of a tiny kernel") {
  boot_often(rounds(500), [](int i) {
    vmm::MachineSpec spec;
    spec.kernel = KREPRO_TINY_KERNEL;
    spec.cpus = i % 10 == 9 ? 2 : 1;
    spec.memory = 16u << 20;
    vmm::Machine machine(spec);
    machine.start();
    const Heard heard = hear(machine, seconds(20), [](const Heard&) { return false; });
    INFO(heard.reason);
    REQUIRE(heard.state == vmm::MachineState::off);
    REQUIRE(heard.console == "tiny\n");
  });
}

TEST_CASE("30 boots of Linux with two CPUs, ended while it runs") {
  const char* folder = std::getenv("KREPRO_TEST_KERNEL");
  INFO("KREPRO_TEST_KERNEL must name a folder with a vmlinux");
  REQUIRE(folder != nullptr);
  const fs::path kernel = fs::path(folder) / "vmlinux";
  REQUIRE(fs::exists(kernel));
  const Scratch scratch;
  const fs::path initramfs = scratch.path() / "initramfs";
  base::write_file(initramfs, harness::make_initramfs(base::read_file(KREPRO_CONTRACT_GUEST), {}));
  boot_often(rounds(30), [&](int) {
    vmm::MachineSpec spec;
    spec.kernel = kernel;
    spec.initrd = initramfs;
    spec.command_line = harness::command_line("quiet contract=silent", harness::Hypervisor::krepro);
    spec.cpus = 2;
    spec.memory = 512u << 20;
    vmm::Machine machine(spec);
    machine.start();
    const Heard heard = hear(machine, seconds(120), [](const Heard& h) {
      return h.channel.find("ready\n") != std::string::npos;
    });
    INFO(heard.reason << "\n" << heard.console);
    REQUIRE(heard.channel == "ready\n");
    REQUIRE(heard.state == vmm::MachineState::running);
    machine.stop();
    REQUIRE(machine.take().state == vmm::MachineState::off);
  });
}
