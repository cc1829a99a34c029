#include "harness/job/runner.hpp"

#include <ctime>
#include <fstream>
#include <unistd.h>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "guest/blob.hpp"
#include "harness/backend/initramfs.hpp"
#include "harness/job/modules.hpp"
#include "harness/monitor/prepared_file.hpp"
#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"
#include "vmm/base/log.hpp"

namespace harness {

namespace fs = std::filesystem;

namespace {

std::string run_id(unsigned count) {
  const std::time_t now = std::time(nullptr);
  return fmt::format("{:%Y%m%d-%H%M%S}-{}-{}", fmt::localtime(now), ::getpid(), count);
}

constexpr const char* snapshot_name = "snapshot";

// All that a prepared guest depends on, but the backend and this machine.
std::string snapshot_key(const Image& image, const RunSpec& spec) {
  return base::sha256(fmt::format("{} {} {} {} {} {}:{} {}:{}", image.key,
                                  base::sha256(base::read_file(spec.boot.initramfs)),
                                  spec.boot.cpus, spec.boot.memory, spec.limits.program.count(),
                                  spec.boot.append.size(), spec.boot.append, spec.program.size(),
                                  spec.program) +
                      guest::encode(spec.setup));
}

std::string summary(const Job& job, const Image& image, const Outcome& outcome) {
  std::string text = fmt::format(
      "job {}\nkernel {}\ntitle {}\n", job.file.string(),
      image.vmlinux.empty() ? image.bzimage.string() : image.vmlinux.string(), outcome.title());
  text += fmt::format("release {}\nboot_seconds {:.3f}\nseconds {:.3f}\n", outcome.kernel_release,
                      outcome.boot_seconds, outcome.seconds);
  for (const StepResult& step : outcome.steps)
    text += fmt::format("step {} thread {} result {} errno {}{}\n", step.index, step.thread,
                        step.result, step.error, step.expected ? "" : " unexpected");
  return text;
}

} // namespace

Runner::Runner(const Job& job, Backend& backend, const fs::path& session, const fs::path& state,
               bool fresh_boot)
    : job_(job), backend_(backend), session_(session), state_(state),
      initramfs_(session / "initramfs.cpio"),
      clones_(backend.capabilities().clones && !fresh_boot) {
  std::vector<ExtraFile> files;
  for (const Module& module : find_modules(job.modules, job.modules_dir, session / "modules")) {
    files.push_back({module.file, "/modules/" + module.name + ".ko"});
    modules_.push_back(module.name);
  }
  base::write_file(initramfs_, make_initramfs(guest::agent_binary(), files));
}

Runner::~Runner() = default;

RunSpec run_spec(const Job& job, double slowdown) {
  RunSpec spec;
  spec.boot.append = job.append;
  spec.boot.cpus = job.cpus;
  spec.boot.memory = job.memory;
  spec.setup.sysctls = job.sysctls.value_or(hang_limits(slowdown));
  spec.program = job.program.encoded;
  spec.step_names = job.program.step_names;
  spec.limits = job.limits;
  return spec;
}

RunSpec Runner::spec_of(const Image& image, unsigned count) const {
  RunSpec spec = run_spec(job_, backend_.capabilities().slowdown);
  spec.boot.name = fmt::format("run-{}", count);
  spec.boot.vmlinux = image.vmlinux;
  spec.boot.bzimage = image.bzimage;
  spec.boot.initramfs = initramfs_;
  spec.setup.modules = modules_;
  return spec;
}

std::shared_ptr<const KernelImage> Runner::kernel_of(const Image& image) {
  if (image.vmlinux.empty() || !backend_.capabilities().inspect)
    return nullptr;
  const std::lock_guard lock(opening_);
  if (kernel_file_ != image.vmlinux)
    kernel_ = std::make_shared<const KernelImage>(image.vmlinux);
  kernel_file_ = image.vmlinux;
  return kernel_;
}

// A boot that ends before the program is not kept: the next run tries again.
Runner::Preparation Runner::prepared_for(const Image& image, const RunSpec& spec,
                                         const OnEvent& on_event) {
  const fs::path& kernel = image.vmlinux.empty() ? image.bzimage : image.vmlinux;
  const std::lock_guard lock(preparing_);
  if (prepared_ && prepared_of_ == kernel)
    return prepared_;
  prepared_.reset();
  Preparation made = prepare(image, spec, on_event);
  if (const auto* prepared = std::get_if<std::shared_ptr<const Prepared>>(&made)) {
    prepared_ = *prepared;
    prepared_of_ = kernel;
  }
  return made;
}

// Kernels of the store have their snapshot beside them: the next session need not boot.
Runner::Preparation Runner::prepare(const Image& image, const RunSpec& spec,
                                    const OnEvent& on_event) {
  const bool stored = !image.folder.empty();
  const std::string key = stored ? snapshot_key(image, spec) : "";
  if (stored)
    if (auto loaded = load_prepared(backend_, image.folder / snapshot_name, key)) {
      if (on_event)
        on_event(fmt::format("{} goes on from its saved snapshot", loaded->kernel_release));
      return std::make_shared<const Prepared>(std::move(*loaded));
    }
  std::variant<Prepared, Outcome> made = prepare_run(backend_, spec, on_event);
  if (auto* outcome = std::get_if<Outcome>(&made))
    return std::move(*outcome);
  auto prepared = std::make_shared<const Prepared>(std::move(std::get<Prepared>(made)));
  if (stored)
    save_prepared(backend_, image.folder / snapshot_name, key, *prepared);
  return prepared;
}

Outcome Runner::watch(const Image& image, unsigned count, const OnEvent& on_event) {
  RunSpec spec = spec_of(image, count);
  const std::shared_ptr<const KernelImage> kernel = kernel_of(image);
  spec.kernel = kernel.get();
  if (!clones_)
    return watch_run(backend_, spec, on_event);
  Preparation prepared = prepared_for(image, spec, on_event);
  if (auto* outcome = std::get_if<Outcome>(&prepared))
    return std::move(*outcome);
  return watch_clone(backend_, *std::get<std::shared_ptr<const Prepared>>(prepared), spec,
                     on_event);
}

KeptRun Runner::run(const Image& image, const OnEvent& on_event) {
  unsigned count = 0;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    count = ++count_;
  }
  KeptRun run;
  run.outcome = watch(image, count, on_event);
  run.folder = state_ / "runs" / run_id(count);
  base::write_file(run.folder / "console", run.outcome.console);
  if (!run.outcome.port.empty())
    base::write_file(run.folder / "port", run.outcome.port);
  base::write_file(run.folder / "summary", summary(job_, image, run.outcome));
  if (!run.outcome.reports.empty())
    base::write_file(run.folder / "report", decode(image, run.outcome.reports.front()).text);
  return run;
}

DecodedReport Runner::decode(const Image& image, const CrashReport& report) {
  if (image.vmlinux.empty())
    return {report.text, {}};
  const std::lock_guard<std::mutex> lock(mutex_);
  try {
    if (decoded_ != image.vmlinux) {
      decoder_ = std::make_unique<Decoder>(SymbolSources{image.vmlinux, {}, {}, image.built_in});
      decoded_ = image.vmlinux;
    }
    ExplainedReport explained = decoder_->explain(report, "");
    if (!explained.disassembly.empty())
      explained.text += "\n" + explained.disassembly;
    return {std::move(explained.text), std::move(explained.files)};
  } catch (const base::Error& error) {
    base::log("job", base::LogLevel::warn, "no decoded report: {}", error.what());
    return {report.text, {}};
  }
}

Image image_of_file(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in || fs::is_directory(file))
    throw base::UsageError(
        fmt::format("{}: no such kernel file; expected a vmlinux or a bzImage", file.string()));
  std::string head(0x206, '\0');
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  Image image;
  if (head.compare(0, 4,
                   "\x7f"
                   "ELF") == 0)
    image.vmlinux = file;
  else if (head.compare(0x202, 4, "HdrS") == 0) // Documentation/arch/x86/boot.rst
    image.bzimage = file;
  else
    throw base::UsageError(
        fmt::format("{}: not a kernel; expected an ELF vmlinux or a bzImage", file.string()));
  return image;
}

} // namespace harness
