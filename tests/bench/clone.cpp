// Clones against boots, on the kvm backend: to the agent's answer, and to the verdict of a job's
// program. Prints medians and ratios taken in this run, the memory of a clone, and how many start
// in a second. usage: bench_clone VMLINUX JOB [ROUNDS]
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "guest/blob.hpp"
#include "guest/wire.hpp"
#include "harness/backend/backend.hpp"
#include "harness/backend/initramfs.hpp"
#include "harness/job/job.hpp"
#include "harness/job/runner.hpp"
#include "harness/monitor/monitor.hpp"
#include "tests/bench/bench.hpp"
#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"

namespace {

using bench::median;

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// A row of the table; returns the median.
double row(const std::string& name, const std::vector<double>& ms) {
  const auto [least, most] = std::minmax_element(ms.begin(), ms.end());
  fmt::print("{:<34} {:9.1f} ms   ({:.1f} to {:.1f}; {})\n", name, median(ms), *least, *most,
             ms.size());
  std::fflush(stdout);
  return median(ms);
}

// Resident memory that this process shares with nobody and no file, in KiB.
long own_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind("RssAnon:", 0) == 0)
      return std::stol(line.substr(8));
  throw base::Error("/proc/self/status has no RssAnon");
}

harness::RunSpec spec_of(const harness::Job& job, const std::string& vmlinux,
                         const fs::path& initramfs) {
  harness::RunSpec spec = harness::run_spec(job, 1);
  spec.boot.name = "bench";
  spec.boot.vmlinux = vmlinux;
  spec.boot.initramfs = initramfs;
  return spec;
}

// Waits for a frame of that type.
void await(harness::Guest& guest, guest::FrameType type) {
  guest::Decoder decoder;
  const auto end = Clock::now() + std::chrono::seconds(60);
  while (Clock::now() < end) {
    const harness::GuestOutput output = guest.poll(std::chrono::milliseconds(500));
    decoder.feed(output.channel);
    while (const auto frame = decoder.next())
      if (frame->type == type)
        return;
    if (output.state != harness::GuestState::running)
      throw base::Error("the guest ended: " + output.reason);
  }
  throw base::Error("the agent does not answer");
}

class Bench {
 public:
  Bench(harness::Backend& backend, harness::RunSpec spec)
      : backend_(backend), spec_(std::move(spec)), kernel_(spec_.boot.vmlinux) {
    spec_.kernel = &kernel_;
  }

  void run(unsigned rounds) {
    const unsigned boots = std::max(3u, rounds / 5);
    const double booted = row("boot -> agent ready", repeat(boots, [&] { return boot(); }));
    const double judged = row("boot -> verdict", repeat(boots, [&] { return boot_to_verdict(); }));
    const auto start = Clock::now();
    prepare();
    row("boot -> snapshot", {ms_since(start)});
    row("first clone -> agent answers", {answer()});
    const double answered = row("clone -> agent answers", repeat(rounds, [&] { return answer(); }));
    const double verdict =
        row("clone -> verdict", repeat(rounds, [&] { return clone_to_verdict(); }));
    fmt::print("boot -> agent ready / clone -> agent answers: {:.1f}\n", booted / answered);
    fmt::print("boot -> verdict / clone -> verdict: {:.1f}\n", judged / verdict);
    ten_runs(booted);
    memory();
    for (const unsigned workers : {1u, 2u})
      throughput(workers, rounds);
  }

 private:
  template<class Work> static std::vector<double> repeat(unsigned times, const Work& work) {
    std::vector<double> all;
    for (unsigned i = 0; i < times; ++i)
      all.push_back(work());
    return all;
  }

  double boot() {
    const auto start = Clock::now();
    const auto guest = backend_.boot(spec_.boot);
    await(*guest, guest::FrameType::hello);
    return ms_since(start);
  }

  double boot_to_verdict() {
    const auto start = Clock::now();
    expect_crash(harness::watch_run(backend_, spec_));
    return ms_since(start);
  }

  void prepare() {
    auto made = harness::prepare_run(backend_, spec_);
    if (const auto* outcome = std::get_if<harness::Outcome>(&made))
      throw base::Error(outcome->title());
    prepared_ = std::get<harness::Prepared>(made);
  }

  // Until the agent has answered; the guest's end is not in the figure.
  double answer() {
    std::unique_ptr<harness::Guest> guest;
    return answer(guest);
  }

  double answer(std::unique_ptr<harness::Guest>& guest) {
    const auto start = Clock::now();
    guest = backend_.clone(prepared_.snapshot);
    guest->send(guest::encode(guest::Wake{"seed", 0, true}));
    await(*guest, guest::FrameType::awake);
    return ms_since(start);
  }

  double clone_to_verdict() {
    const auto start = Clock::now();
    const harness::Outcome outcome = harness::watch_clone(backend_, prepared_, spec_);
    const double taken = ms_since(start);
    expect_crash(outcome);
    return taken;
  }

  static void expect_crash(const harness::Outcome& outcome) {
    if (outcome.kind != harness::OutcomeKind::crash)
      throw base::Error("the job's program is to crash this kernel, but: " + outcome.title());
  }

  // As for one revision of a bisection: a boot, then two at a time, to their verdicts.
  void ten_runs(double booted) {
    const auto start = Clock::now();
    prepare();
    const double ready = ms_since(start);
    std::vector<std::future<void>> all;
    for (unsigned i = 0; i < 2; ++i)
      all.push_back(std::async(std::launch::async, [&] {
        for (unsigned run = 0; run < 5; ++run)
          clone_to_verdict();
      }));
    for (std::future<void>& worker : all)
      worker.get();
    const double whole = ms_since(start);
    fmt::print(
        "ten runs: {:.0f} ms, boot and snapshot {:.0f} ms of it; beyond one boot {:.2f} boots\n",
        whole, ready, (whole - booted) / booted);
  }

  // Idle: they wait for a call.
  void memory() {
    constexpr long count = 10;
    std::vector<std::unique_ptr<harness::Guest>> guests;
    prepare(); // no spare machines with pages of their own
    const long before = own_kib();
    for (long i = 0; i < count; ++i)
      guests.push_back(backend_.clone(prepared_.snapshot));
    std::this_thread::sleep_for(std::chrono::seconds(2));
    fmt::print("resident beside the shared memory: {} KiB a clone, idle for 2 s\n",
               (own_kib() - before) / count);
  }

  void throughput(unsigned workers, unsigned rounds) {
    const auto start = Clock::now();
    std::vector<std::future<void>> all;
    for (unsigned i = 0; i < workers; ++i)
      all.push_back(std::async(std::launch::async, [&] {
        for (unsigned round = 0; round < rounds; ++round)
          answer();
      }));
    for (std::future<void>& worker : all)
      worker.get();
    fmt::print("clones a second, {} worker{}: {:.1f}\n", workers, workers == 1 ? "" : "s",
               workers * rounds / ms_since(start) * 1000);
  }

  harness::Backend& backend_;
  harness::RunSpec spec_;
  harness::KernelImage kernel_;
  harness::Prepared prepared_;
};

int run(int argc, char** argv) {
  if (argc < 3) {
    fmt::print(stderr, "usage: bench_clone VMLINUX JOB [ROUNDS]\n");
    return 129;
  }
  const harness::Job job = harness::load_job(argv[2]);
  const base::TempDir folder(fs::temp_directory_path(), "krepro-bench-");
  const fs::path initramfs = folder.path() / "initramfs";
  base::write_file(initramfs, harness::make_initramfs(guest::agent_binary(), {}));
  const auto backend = harness::make_backend("kvm", folder.path(), folder.path());
  Bench(*backend, spec_of(job, argv[1], initramfs))
      .run(argc > 3 ? static_cast<unsigned>(std::atoi(argv[3])) : 20);
  return 0;
}

} // namespace

int main(int argc, char** argv) { return bench::run_main("bench_clone", run, argc, argv); }
