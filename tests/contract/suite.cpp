// What every backend must do.
#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <functional>
#include <iterator>
#include <span>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <catch2/catch.hpp>

#include "harness/backend/initramfs.hpp"
#include "harness/inspect/kernel_log.hpp"
#include "tests/contract/contract.hpp"
#include "vmm/base/error.hpp"
#include "vmm/base/fd.hpp"
#include "vmm/base/files.hpp"
#include "vmm/base/processes.hpp"

namespace {

namespace fs = std::filesystem;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

harness::BootSpec spec_of(const std::string& name, const std::string& mode) {
  harness::BootSpec spec;
  spec.name = name;
  spec.vmlinux = contract::kernel().vmlinux;
  spec.bzimage = contract::kernel().bzimage;
  spec.initramfs = contract::session() / "initramfs";
  spec.append = "contract=" + mode;
  return spec;
}

std::unique_ptr<harness::Guest> start(const std::string& name, const std::string& mode) {
  return contract::backend().boot(spec_of(name, mode));
}

// All that a guest said so far.
struct Heard {
  std::string console;
  std::string channel;
  harness::GuestState state = harness::GuestState::running;
  std::string reason;
  bool timed_out = false;
};

// Polls until enough holds, the guest ends, or a minute has passed.
void hear(harness::Guest& guest, Heard& heard, const std::function<bool(const Heard&)>& enough) {
  const auto end = Clock::now() + seconds(60);
  while (!enough(heard) && heard.state == harness::GuestState::running) {
    if (Clock::now() > end) {
      heard.timed_out = true;
      return;
    }
    const harness::GuestOutput output = guest.poll(milliseconds(500));
    heard.console += output.console;
    heard.channel += output.channel;
    heard.state = output.state;
    heard.reason = output.reason;
  }
}

Heard hear_until(harness::Guest& guest, const std::function<bool(const Heard&)>& enough) {
  Heard heard;
  hear(guest, heard, enough);
  return heard;
}

bool ready(const Heard& heard) { return heard.channel.find("ready\n") != std::string::npos; }
bool never(const Heard&) { return false; }

std::size_t entries(const char* folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

// Where words first stand in the memory that kernels are loaded to; 0: nowhere.
std::uint64_t physical_memory_with(harness::Guest& guest, const std::string& words) {
  const std::uint64_t size = spec_of("", "").memory;
  std::string block(4u << 20, '\0');
  const std::span bytes(reinterpret_cast<std::uint8_t*>(block.data()), block.size());
  for (std::uint64_t at = 0x1000000; at + block.size() <= size; at += block.size()) {
    if (!guest.read_memory(at, bytes))
      return 0;
    if (const std::size_t found = block.find(words); found != std::string::npos)
      return at + found;
  }
  return 0;
}

std::vector<pid_t> session_processes() { return base::processes_naming(contract::session()); }

bool gone_within(const std::vector<pid_t>& pids, milliseconds limit) {
  const auto end = Clock::now() + limit;
  for (const pid_t pid : pids)
    while (base::start_time(pid)) {
      if (Clock::now() > end)
        return false;
      std::this_thread::sleep_for(milliseconds(20));
    }
  return true;
}

} // namespace

TEST_CASE("a guest boots, is heard on both ports, and leaves nothing") {
  auto guest = start("boot", "silent");
  const Heard heard = hear_until(*guest, ready);
  CHECK(!heard.timed_out);
  CHECK(heard.console.find("Linux version") != std::string::npos);
  CHECK(heard.channel == "ready\n");
  guest.reset();
  CHECK(session_processes().empty());
}

TEST_CASE("the channel carries bytes both ways") {
  const auto guest = start("echo", "echo");
  Heard heard = hear_until(*guest, ready);
  REQUIRE(ready(heard));
  std::string all;
  for (int byte = 0; byte < 256; ++byte)
    all += static_cast<char>(byte);
  guest->send(all);
  hear(*guest, heard, [&](const Heard& h) { return h.channel.size() >= 6 + all.size(); });
  CHECK(heard.channel == "ready\n" + all);
}

TEST_CASE("a large transfer arrives whole") {
  const auto guest = start("large", "echo");
  Heard heard = hear_until(*guest, ready);
  REQUIRE(ready(heard));
  std::string bytes;
  for (unsigned i = 0; bytes.size() < (64u << 10); ++i)
    bytes += std::to_string(i * 2654435761u) + "\n";
  const auto begin = Clock::now();
  guest->send(bytes);
  hear(*guest, heard, [&](const Heard& h) { return h.channel.size() >= 6 + bytes.size(); });
  INFO(heard.channel.size() << " bytes came back");
  CHECK(!heard.timed_out);
  CHECK((heard.channel == "ready\n" + bytes));
  const double taken = std::chrono::duration<double>(Clock::now() - begin).count();
  WARN("64 KiB there and back: " << taken << " s");
}

TEST_CASE("a guest that powers off is off") {
  const auto guest = start("off", "off");
  const Heard heard = hear_until(
      *guest, [](const Heard& h) { return h.console.find("System halted") != std::string::npos; });
  CHECK(!heard.timed_out);
  if (heard.console.find("System halted") == std::string::npos)
    CHECK(heard.state == harness::GuestState::off);
  else
    WARN("this kernel cannot power off (no ACPI tables; CONFIG_PCI is needed)");
}

TEST_CASE("a triple fault is a crash, with all that was printed before") {
  const auto guest = start("reset", "reset");
  const Heard heard = hear_until(*guest, never);
  CHECK(heard.state == harness::GuestState::crashed);
  CHECK(!heard.reason.empty());
  CHECK(heard.console.find("reboot: machine restart") != std::string::npos);
  CHECK(guest->poll(milliseconds(0)).state == harness::GuestState::crashed);
}

TEST_CASE("a panic is heard to its last line and the guest stands") {
  harness::BootSpec spec = spec_of("panic", "silent");
  spec.initramfs = contract::session() / "empty";
  base::write_file(spec.initramfs, harness::make_initramfs("", {}));
  const auto guest = contract::backend().boot(spec);
  const Heard heard = hear_until(*guest, [](const Heard& h) {
    return h.console.find("---[ end Kernel panic") != std::string::npos;
  });
  CHECK(!heard.timed_out);
  CHECK(heard.state == harness::GuestState::running);
}

TEST_CASE("a silent guest lets poll return in time, and an NMI shows where it stands") {
  const auto guest = start("silent", "silent");
  Heard heard = hear_until(*guest, ready);
  REQUIRE(ready(heard));
  while (!guest->poll(milliseconds(500)).console.empty()) {
  }
  const auto begin = Clock::now();
  CHECK(guest->poll(milliseconds(300)).channel.empty());
  CHECK(Clock::now() - begin < seconds(2));
  if (!contract::backend().capabilities().nmi)
    return;
  guest->inject_nmi();
  hear(*guest, heard,
       [](const Heard& h) { return h.console.find("Call Trace") != std::string::npos; });
  CHECK(heard.console.find("NMI") != std::string::npos);
  CHECK(!heard.timed_out);
}

TEST_CASE("registers and memory of a running guest can be looked at, and it goes on") {
  if (!contract::backend().capabilities().inspect)
    return;
  const auto guest = start("inspect", "echo");
  Heard heard = hear_until(*guest, ready);
  REQUIRE(ready(heard));
  const auto begin = Clock::now();
  const std::vector<harness::CpuRegisters> cpus = guest->registers();
  WARN("registers: " << std::chrono::duration<double>(Clock::now() - begin).count() << " s");
  REQUIRE(cpus.size() == 2);
  for (const harness::CpuRegisters& cpu : cpus) {
    CHECK(cpu.rip != 0);
    CHECK(cpu.cr3 != 0);
    CHECK((cpu.user || cpu.rip >> 63 == 1));
  }
  CHECK(physical_memory_with(*guest, "Linux version ") != 0);
  guest->send("still there");
  hear(*guest, heard, [](const Heard& h) { return h.channel.size() >= 6 + 11; });
  CHECK(heard.channel == "ready\nstill there");
}

// What HangWatch tells a CPU by that the kernel has not started.
TEST_CASE("a CPU that was never started is halted and has no page tables") {
  if (!contract::backend().capabilities().inspect)
    return;
  const auto guest = start("unstarted", "silent maxcpus=1");
  REQUIRE(ready(hear_until(*guest, ready)));
  const std::vector<harness::CpuRegisters> cpus = guest->registers();
  REQUIRE(cpus.size() == 2);
  CHECK(cpus[0].cr3 != 0);
  CHECK(cpus[1].cr3 == 0);
  CHECK(cpus[1].halted);
}

TEST_CASE("what is not the guest's memory cannot be read") {
  if (!contract::backend().capabilities().inspect)
    return;
  const auto guest = start("edges", "silent");
  REQUIRE(ready(hear_until(*guest, ready)));
  const std::uint64_t size = spec_of("", "").memory;
  std::array<std::uint8_t, 16> bytes{};
  CHECK(guest->read_memory(0x10000, bytes));
  CHECK(guest->read_memory(size - bytes.size(), bytes));
  CHECK(!guest->read_memory(size - bytes.size() + 1, bytes));
  CHECK(!guest->read_memory(size, bytes));
  CHECK(!guest->read_memory(0xfee00000, bytes));
  CHECK(!guest->read_memory(~std::uint64_t{0} - 4, bytes));
  CHECK(guest->read_memory(0x10000, std::span<std::uint8_t>()));
}

TEST_CASE("the memory of a guest that has ended can still be read") {
  if (!contract::backend().capabilities().inspect)
    return;
  const auto guest = start("left", "off");
  hear_until(*guest, never);
  CHECK(physical_memory_with(*guest, "Linux version ") != 0);
  guest->stop();
  CHECK(physical_memory_with(*guest, "Linux version ") != 0);
}

TEST_CASE("a paused guest stands still, and can be stopped") {
  if (!contract::backend().capabilities().inspect)
    return;
  const auto guest = start("paused", "echo");
  Heard heard = hear_until(*guest, ready);
  REQUIRE(ready(heard));
  guest->pause();
  guest->pause();
  CHECK(guest->registers().size() == 2);
  guest->resume();
  guest->resume();
  guest->send("on");
  hear(*guest, heard, [](const Heard& h) { return h.channel.size() >= 6 + 2; });
  CHECK(heard.channel == "ready\non");
  guest->pause();
  guest->stop();
}

TEST_CASE("a guest can be stopped while it boots, and twice") {
  const auto guest = start("early", "silent");
  guest->poll(milliseconds(100));
  const auto begin = Clock::now();
  guest->stop();
  const double taken = std::chrono::duration<double>(Clock::now() - begin).count();
  guest->stop();
  CHECK(taken < 5);
  WARN("stop: " << taken << " s");
  CHECK(session_processes().empty());
}

TEST_CASE("ten in a row leak neither descriptor nor thread nor file") {
  start("warm", "silent")->stop();
  const std::size_t descriptors = entries("/proc/self/fd");
  const std::size_t threads = entries("/proc/self/task");
  const std::size_t files = entries(contract::session().c_str());
  for (int i = 0; i < 10; ++i) {
    const auto guest = start("row" + std::to_string(i), "silent");
    guest->poll(milliseconds(50));
  }
  CHECK(entries("/proc/self/fd") <= descriptors);
  CHECK(entries("/proc/self/task") <= threads);
  CHECK(entries(contract::session().c_str()) == files);
}

TEST_CASE("four at once, each from its own thread") {
  std::array<Heard, 4> all;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 4; ++i)
    threads.emplace_back([&all, i] {
      const std::string word = "guest " + std::to_string(i);
      const auto guest = start("four" + std::to_string(i), "echo");
      Heard& heard = all[i];
      hear(*guest, heard, ready);
      guest->send(word);
      hear(*guest, heard, [&](const Heard& h) { return h.channel.size() >= 6 + word.size(); });
    });
  for (std::thread& thread : threads)
    thread.join();
  for (unsigned i = 0; i < 4; ++i) {
    INFO(all[i].console);
    CHECK(all[i].channel == "ready\nguest " + std::to_string(i));
  }
}

TEST_CASE("clones go on where the snapshot was taken, each for itself, and so does the guest") {
  if (!contract::backend().capabilities().clones) {
    const auto guest = start("unclonable", "silent");
    CHECK_THROWS_AS(guest->snapshot(), base::Error);
    return;
  }
  const auto guest = start("cloned", "echo");
  Heard heard = hear_until(*guest, ready);
  REQUIRE(ready(heard));
  const auto snapshot = guest->snapshot();
  const auto echoes = [](harness::Guest& of, const std::string& word) {
    Heard said;
    of.send(word);
    hear(of, said, [&](const Heard& h) { return h.channel.size() >= word.size(); });
    CHECK(said.channel == word);
  };
  echoes(*guest, "the guest itself");
  // The second round's machines are those that the first gave back.
  for (int round = 0; round < 2; ++round) {
    const auto one = contract::backend().clone(snapshot);
    const auto other = contract::backend().clone(snapshot);
    echoes(*other, "the other clone");
    echoes(*one, "one clone");
  }
  guest->stop();
  echoes(*contract::backend().clone(snapshot), "a clone that outlives it");
  CHECK_THROWS_AS(guest->snapshot(), base::Error);
}

TEST_CASE("a kernel that is not there is an error at boot") {
  harness::BootSpec spec = spec_of("none", "silent");
  spec.vmlinux = contract::session() / "no-such-vmlinux";
  spec.bzimage.clear();
  CHECK_THROWS_AS(contract::backend().boot(spec), base::Error);
}

TEST_CASE("a virtual machine that dies under its guest is an error, not the guest's fault") {
  const auto guest = start("victim", "silent");
  const Heard heard = hear_until(*guest, ready);
  REQUIRE(ready(heard));
  const std::vector<pid_t> machines = session_processes();
  if (machines.empty())
    return; // it runs in this process
  for (const pid_t pid : machines)
    ::kill(pid, SIGKILL);
  Heard after;
  CHECK_THROWS_AS(hear(*guest, after, never), base::Error);
}

TEST_CASE("kill -9 leaves no virtual machine and no folder") {
  base::Pipe pipe = base::make_pipe();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(pipe.write.get(), STDOUT_FILENO);
    ::execl("/proc/self/exe", "contract", "--hold", nullptr);
    ::_exit(127);
  }
  pipe.write.reset();
  std::string folder;
  char byte = 0;
  while (::read(pipe.read.get(), &byte, 1) == 1 && byte != '\n')
    folder += byte;
  REQUIRE(!folder.empty());
  const std::vector<pid_t> machines = base::processes_naming(folder);
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  CHECK(gone_within(machines, seconds(5)));
  for (int i = 0; i < 50 && fs::exists(folder); ++i)
    std::this_thread::sleep_for(milliseconds(100));
  CHECK(!fs::exists(folder));
}

namespace {

// A console's or log's lines, without what a boot console and its successor both print.
std::string lines_of(const std::string& text) {
  std::string lines;
  std::string line;
  for (const char byte : text) {
    if (byte != '\r')
      line += byte;
    if (byte != '\n')
      continue;
    if (line.find("console [") == std::string::npos)
      lines += line;
    line.clear();
  }
  return lines;
}

// How many bytes a console lacks of a log: earlyprintk does not wait long for a serial port that is
// slow, and loses some. -1 where it shows something else.
int lost_bytes(const std::string& shown, const std::string& logged) {
  std::size_t found = 0;
  for (const char byte : logged)
    if (found < shown.size() && shown[found] == byte)
      ++found;
  return found == shown.size() ? static_cast<int>(logged.size() - found) : -1;
}

} // namespace

TEST_CASE("the kernel's log is read from memory as the console shows it") {
  if (!contract::backend().capabilities().inspect || contract::kernel().vmlinux.empty())
    return;
  const harness::KernelImage kernel(contract::kernel().vmlinux);
  REQUIRE(kernel.why() == "");
  const auto guest = start("log", "silent");
  harness::LogReader reader(
      kernel, [&guest](std::uint64_t address, auto to) { return guest->read_memory(address, to); },
      harness::LogLevels::console);
  Heard heard;
  std::string log;
  microseconds taken{};
  const auto read = [&] {
    const auto begin = Clock::now();
    log += reader.take().value_or("");
    taken = std::chrono::duration_cast<microseconds>(Clock::now() - begin);
  };
  const auto both_ready = [&](const Heard& h) {
    read();
    return ready(h);
  };
  hear(*guest, heard, both_ready);
  REQUIRE(ready(heard));
  // Each may be a line ahead of the other.
  constexpr int most_lost = 64;
  const auto end = Clock::now() + seconds(5);
  int lost = -1;
  const auto even = [&](const Heard& h) {
    read();
    lost = lost_bytes(lines_of(h.console), lines_of(log));
    return (lost >= 0 && lost <= most_lost) || Clock::now() > end;
  };
  hear(*guest, heard, even);
  WARN("log of " << log.size() << " bytes; the last look took " << taken.count() << " us");
  INFO(log << "\n" << reader.why() << "\n---- console:\n" << heard.console);
  CHECK(lost >= 0);
  CHECK(lost <= most_lost);
  CHECK(log.find("Linux version ") != std::string::npos);
}
