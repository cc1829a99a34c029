// Snapshots of Linux guests, and what starts from them.
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "guest/blob.hpp"
#include "guest/program.hpp"
#include "guest/wire.hpp"
#include "harness/backend/command_line.hpp"
#include "harness/backend/initramfs.hpp"
#include "harness/inspect/kernel_image.hpp"
#include "tests/kvm/machine_test.hpp"
#include "vmm/base/files.hpp"
#include "vmm/machine.hpp"
#include "vmm/snapshot_file.hpp"

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

// Whether the guest sends the word back. console: takes what it says beside, where it is set.
bool says(vmm::Machine& machine, const std::string& word, std::string* console = nullptr) {
  machine.send(vmm::Port::channel, word);
  const Heard heard =
      hear(machine, seconds(20), [&](const Heard& h) { return h.channel.size() >= word.size(); });
  if (console != nullptr)
    *console += heard.console;
  INFO(heard.console);
  CHECK(heard.channel == word);
  return heard.channel == word;
}

fs::path kernel_file() {
  const char* folder = std::getenv("KREPRO_TEST_KERNEL");
  INFO("KREPRO_TEST_KERNEL must name a folder with a vmlinux");
  REQUIRE(folder != nullptr);
  return fs::path(folder) / "vmlinux";
}

std::unique_ptr<vmm::Machine> start(std::string_view init, const std::string& append,
                                    unsigned cpus) {
  const base::TempDir scratch(fs::temp_directory_path(), "krepro-clones-");
  vmm::MachineSpec spec;
  spec.kernel = kernel_file();
  spec.initrd = scratch.path() / "initramfs";
  base::write_file(spec.initrd, harness::make_initramfs(init, {}));
  spec.command_line = harness::command_line("quiet " + append, harness::Hypervisor::krepro);
  spec.cpus = cpus;
  spec.memory = 512u << 20;
  auto machine = std::make_unique<vmm::Machine>(spec);
  machine->start();
  return machine;
}

// A guest that sends back what it is sent, booted and ready.
std::unique_ptr<vmm::Machine> boot(unsigned cpus) {
  auto machine = start(base::read_file(KREPRO_CONTRACT_GUEST), "contract=echo", cpus);
  const Heard heard = hear(*machine, seconds(120), [](const Heard& h) {
    return h.channel.find("ready\n") != std::string::npos;
  });
  INFO(heard.console);
  REQUIRE(heard.channel == "ready\n");
  return machine;
}

guest::Frame await_frame(vmm::Machine& machine, guest::FrameType type) {
  guest::Decoder decoder;
  std::optional<guest::Frame> found;
  std::size_t fed = 0;
  hear(machine, seconds(120), [&](const Heard& heard) {
    decoder.feed(std::string_view(heard.channel).substr(fed));
    fed = heard.channel.size();
    while (const auto frame = decoder.next())
      if (frame->type == type)
        found = frame;
    return found.has_value();
  });
  REQUIRE(found);
  return *found;
}

// An agent that holds an empty program.
std::shared_ptr<const vmm::Snapshot> armed_guest() {
  const auto machine = start(guest::agent_binary(), "", 1);
  await_frame(*machine, guest::FrameType::hello);
  guest::Setup setup;
  setup.hold = true;
  machine->send(vmm::Port::channel,
                guest::encode(setup) +
                    guest::encode({guest::FrameType::program, guest::encode(guest::Program{})}));
  await_frame(*machine, guest::FrameType::armed);
  return machine->snapshot();
}

// The key of the kernel's random number generator (drivers/char/random.c).
std::string random_state(const vmm::GuestMemory& memory) {
  const harness::KernelImage kernel(kernel_file());
  const auto symbol = kernel.symbol("base_crng");
  REQUIRE(symbol);
  const auto place = kernel.physical(*symbol);
  REQUIRE(place);
  const auto bytes = memory.at(*place, 32);
  return {bytes.begin(), bytes.end()};
}

} // namespace

TEST_CASE("clones of a guest go on where it was, and so does the guest") {
  const unsigned cpus = GENERATE(1u, 2u, 4u);
  const auto machine = boot(cpus);
  const auto snapshot = machine->snapshot();
  CHECK(says(*machine, "first"));
  for (int i = 0; i < 3; ++i) {
    vmm::Machine clone(snapshot);
    clone.start();
    REQUIRE(says(clone, "clone"));
    clone.stop();
    clone.rewind();
    clone.start();
    REQUIRE(says(clone, "again"));
  }
}

TEST_CASE("a clone that is woken has random numbers of its own, and the time it was told") {
  constexpr std::uint64_t new_year_2030 = 1'893'456'000'000'000'000;
  const auto snapshot = armed_guest();
  const auto before = random_state(snapshot->memory.copy());
  std::set<std::string> states{before};
  for (const char seed : {'a', 'b'}) {
    vmm::Machine clone(snapshot);
    clone.start();
    clone.send(vmm::Port::channel,
               guest::encode(guest::Wake{std::string(64, seed), new_year_2030, true}));
    const auto awake = await_frame(clone, guest::FrameType::awake);
    const std::uint64_t now = guest::decode_u64(awake.payload).value_or(0);
    CHECK(now >= new_year_2030);
    CHECK(now < new_year_2030 + 60'000'000'000);
    clone.stop();
    states.insert(random_state(clone.memory()));
  }
  CHECK(states.size() == 3);
}

TEST_CASE("a snapshot that was saved is as good as the one it was") {
  const base::TempDir folder(fs::temp_directory_path(), "krepro-clones-");
  const fs::path file = folder.path() / "snapshot";
  vmm::save_snapshot(*boot(2)->snapshot(), file, "key", "note");
  const auto loaded = vmm::load_snapshot(file, "key");
  REQUIRE(loaded);
  CHECK(loaded->note == "note");
  vmm::Machine clone(loaded->snapshot);
  clone.start();
  CHECK(says(clone, "from a file"));
}

// 200 of them but with KREPRO_TEST_ROUNDS=all. Each is heard for a moment, one in ten on a machine
// made for it, the others on one put back.
TEST_CASE("1000 clones with two CPUs answer, complain of nothing and leave nothing") {
  const int count = rounds(1000);
  const auto snapshot = boot(2)->snapshot();
  std::unique_ptr<vmm::Machine> machine;
  std::string console;
  Holdings before;
  for (int i = 0; i < count; ++i) {
    INFO("clone " << i + 1);
    if (i % 10 == 0)
      machine = std::make_unique<vmm::Machine>(snapshot);
    machine->start();
    REQUIRE(says(*machine, fmt::format("clone {}", i), &console));
    machine->stop();
    machine->rewind();
    if (i == 20)
      before = holdings();
  }
  const Holdings after = holdings();
  CHECK(console == "");
  CHECK(after.descriptors == before.descriptors);
  CHECK(after.threads == before.threads);
  CHECK(after.own_kib <= before.own_kib + 1024);
  fmt::print("{} clones: {} KiB of its own before, {} after\n", count, before.own_kib,
             after.own_kib);
}

TEST_CASE("idle clones, many at once, take little memory and complain of nothing") {
  constexpr long count = 10;
  const auto snapshot = boot(2)->snapshot();
  const Holdings before = holdings();
  std::vector<std::unique_ptr<vmm::Machine>> clones;
  for (long i = 0; i < count; ++i) {
    clones.push_back(std::make_unique<vmm::Machine>(snapshot));
    clones.back()->start();
  }
  for (const auto& clone : clones)
    CHECK(says(*clone, "here"));
  const Heard heard = hear(*clones.front(), seconds(5), [](const Heard&) { return false; });
  const long each = (holdings().own_kib - before.own_kib) / count;
  fmt::print("an idle clone: {} KiB of its own\n", each);
  CHECK(each <= 10 * 1024);
  CHECK(heard.console == "");
}
