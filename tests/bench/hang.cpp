// Lets a job's reproducer hang a guest and shows what is found from outside, and what that costs.
// usage: bench_hang JOB VMLINUX [CPUS [SECONDS [BACKEND]]]
//   SECONDS: from "agent ready" to the diagnosis (default 4); 0: when the monitor gives its verdict
#include <cstdio>
#include <cstdlib>
#include <string>

#include <fmt/format.h>

#include "guest/blob.hpp"
#include "harness/backend/backend.hpp"
#include "harness/backend/initramfs.hpp"
#include "harness/inspect/hang.hpp"
#include "harness/job/job.hpp"
#include "harness/job/modules.hpp"
#include "harness/job/runner.hpp"
#include "harness/monitor/watch.hpp"
#include "harness/report/decoder.hpp"
#include "tests/bench/bench.hpp"
#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"
#include "vmm/base/log.hpp"
#include "vmm/base/stop.hpp"
#include "vmm/base/warden.hpp"

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

struct Arguments {
  fs::path job;
  fs::path vmlinux;
  unsigned cpus = 2;
  double seconds = 4;
  std::string backend = "auto";
};

harness::RunSpec spec_of(const harness::Job& job, const Arguments& arguments,
                         const fs::path& folder) {
  harness::RunSpec spec = harness::run_spec(job, 1);
  spec.boot.name = "hang";
  spec.boot.vmlinux = arguments.vmlinux;
  if (const fs::path beside = arguments.vmlinux.parent_path() / "bzImage"; fs::exists(beside))
    spec.boot.bzimage = beside;
  spec.boot.initramfs = folder / "initramfs";
  spec.boot.cpus = arguments.cpus;
  std::vector<harness::ExtraFile> files;
  for (const harness::Module& module :
       harness::find_modules(job.modules, job.modules_dir, folder / "modules")) {
    files.push_back({module.file, "/modules/" + module.name + ".ko"});
    spec.setup.modules.push_back(module.name);
  }
  base::write_file(spec.boot.initramfs, harness::make_initramfs(guest::agent_binary(), files));
  return spec;
}

// Runs the reproducer until it is time to look.
void run_up(harness::Guest& guest, harness::Watch& watch, const Arguments& arguments,
            const bool& booted) {
  Clock::time_point ready;
  for (bool seen = false; !watch.ended();) {
    const harness::GuestOutput output = guest.poll(milliseconds(50));
    base::check_stop();
    watch.step(output, Clock::now());
    if (const std::string message = watch.take_message(); !message.empty())
      guest.send(message);
    watch.take_nmi();
    if (booted && !seen)
      ready = Clock::now();
    seen = booted;
    if (seen && arguments.seconds > 0 && seconds_since(ready) >= arguments.seconds)
      return;
  }
}

void run(const Arguments& arguments) {
  const base::Warden warden;
  const auto backend =
      harness::make_backend(arguments.backend, warden.folder(), base::cache_home());
  const harness::Job job = harness::load_job(arguments.job);
  const harness::RunSpec spec = spec_of(job, arguments, warden.folder());
  const auto opening = Clock::now();
  const harness::KernelImage kernel(arguments.vmlinux);
  std::printf("vmlinux opened: %.0f ms\n", 1000 * seconds_since(opening));
  bool booted = false;
  harness::Watch watch(spec, backend->capabilities().slowdown, Clock::now(),
                       [&booted](const std::string& event) {
                         booted = booted || event.find("booted") == 0;
                         std::printf("%s\n", event.c_str());
                       });
  const auto guest = backend->boot(spec.boot);
  run_up(*guest, watch, arguments, booted);

  const auto begin = Clock::now();
  harness::HangWatch hang(*guest, kernel);
  std::printf("prepared: %.0f ms\n", 1000 * seconds_since(begin));
  for (unsigned i = 0; i < 16; ++i) {
    const auto before = Clock::now();
    hang.look();
    std::printf("look %u: %.1f ms\n", i, 1000 * seconds_since(before));
    guest->poll(milliseconds(40));
  }
  const auto before = Clock::now();
  const harness::HangDiagnosis diagnosis = hang.finish();
  std::printf("finish: %.1f ms, all: %.2f s\n", 1000 * seconds_since(before), seconds_since(begin));
  std::printf("\ntitle: %s\n%s\n%s\n", diagnosis.report ? diagnosis.report->title.c_str() : "none",
              diagnosis.summary.c_str(), diagnosis.text.c_str());
  if (!diagnosis.report)
    return;
  const harness::Decoder decoder({arguments.vmlinux, job.modules_dir, {}, {}});
  const harness::ExplainedReport explained = decoder.explain(*diagnosis.report, "");
  std::printf("files:");
  for (const std::string& file : explained.files)
    std::printf(" %s", file.c_str());
  std::printf("\n--- explained\n%s\n%s", explained.text.c_str(), explained.disassembly.c_str());
}

int start(int argc, char** argv) {
  if (argc < 3) {
    fmt::print(stderr, "usage: bench_hang JOB VMLINUX [CPUS [SECONDS [BACKEND]]]\n");
    return 129;
  }
  Arguments arguments{argv[1], argv[2]};
  if (argc > 3)
    arguments.cpus = static_cast<unsigned>(std::atoi(argv[3]));
  if (argc > 4)
    arguments.seconds = std::atof(argv[4]);
  if (argc > 5)
    arguments.backend = argv[5];
  run(arguments);
  return 0;
}

} // namespace

int main(int argc, char** argv) { return bench::run_main("bench_hang", start, argc, argv); }
