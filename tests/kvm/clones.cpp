// Snapshots of Linux guests, and what starts from them.
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <poll.h>
#include <string>
#include <sys/resource.h>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "harness/backend/command_line.hpp"
#include "harness/backend/initramfs.hpp"
#include "vmm/base/files.hpp"
#include "vmm/machine.hpp"

namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

// All that a machine said so far.
struct Heard {
  std::string console;
  std::string channel;
  vmm::MachineState state = vmm::MachineState::running;
};

Heard hear(vmm::Machine& machine, milliseconds limit,
           const std::function<bool(const Heard&)>& enough) {
  const auto end = Clock::now() + limit;
  Heard heard;
  while (heard.state == vmm::MachineState::running && !enough(heard) && Clock::now() < end) {
    struct pollfd ready {
      machine.event_fd(), POLLIN, 0
    };
    ::poll(&ready, 1, 500);
    const vmm::MachineNews news = machine.take();
    heard.console += news.output[static_cast<std::size_t>(vmm::Port::console)];
    heard.channel += news.output[static_cast<std::size_t>(vmm::Port::channel)];
    heard.state = news.state;
  }
  return heard;
}

bool says(vmm::Machine& machine, const std::string& word) {
  machine.send(vmm::Port::channel, word);
  const Heard heard =
      hear(machine, seconds(20), [&](const Heard& h) { return h.channel.size() >= word.size(); });
  INFO(heard.console);
  CHECK(heard.channel == word);
  return heard.channel == word;
}

// A guest that sends back what it is sent, booted and ready.
std::unique_ptr<vmm::Machine> boot(unsigned cpus) {
  const char* folder = std::getenv("KREPRO_TEST_KERNEL");
  INFO("KREPRO_TEST_KERNEL must name a folder with a vmlinux");
  REQUIRE(folder != nullptr);
  const base::TempDir scratch(fs::temp_directory_path(), "krepro-clones-");
  vmm::MachineSpec spec;
  spec.kernel = fs::path(folder) / "vmlinux";
  spec.initrd = scratch.path() / "initramfs";
  base::write_file(spec.initrd,
                   harness::make_initramfs(base::read_file(KREPRO_CONTRACT_GUEST), {}));
  spec.command_line = harness::command_line("quiet contract=echo", harness::Hypervisor::krepro);
  spec.cpus = cpus;
  spec.memory = 512u << 20;
  auto machine = std::make_unique<vmm::Machine>(spec);
  machine->start();
  const Heard heard = hear(*machine, seconds(120), [](const Heard& h) {
    return h.channel.find("ready\n") != std::string::npos;
  });
  INFO(heard.console);
  REQUIRE(heard.channel == "ready\n");
  return machine;
}

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

} // namespace

TEST_CASE("clones of a guest go on where it was, and so does the guest") {
  const unsigned cpus = GENERATE(1u, 2u, 4u);
  const auto start = Clock::now();
  const auto machine = boot(cpus);
  const double booted = ms_since(start);
  const auto begin = Clock::now();
  const auto snapshot = machine->snapshot();
  const double taken = ms_since(begin);
  std::uint64_t pages = 0;
  for (const vmm::PageRun& run : snapshot->memory.runs())
    pages += run.count;
  fmt::print("{} CPUs: boot {:.0f} ms, snapshot {:.0f} ms, {} KiB in {} runs\n", cpus, booted,
             taken, pages * 4, snapshot->memory.runs().size());
  CHECK(says(*machine, "first"));
  for (int i = 0; i < 3; ++i) {
    const auto cloning = Clock::now();
    vmm::Machine clone(snapshot);
    const double made = ms_since(cloning);
    clone.start();
    REQUIRE(says(clone, "clone"));
    const double answered = ms_since(cloning);
    clone.stop();
    const double stopped = ms_since(cloning);
    clone.rewind();
    const double rewound = ms_since(cloning);
    clone.start();
    REQUIRE(says(clone, "again"));
    const double again = ms_since(cloning);
    struct rusage usage {};
    ::getrusage(RUSAGE_SELF, &usage);
    fmt::print("faults {} ", usage.ru_minflt);
    fmt::print("made {:.1f}, answered {:.1f}, stopped {:.1f}, rewound {:.1f}, again {:.1f} ms\n",
               made, answered, stopped, rewound, again - rewound);
  }
}
