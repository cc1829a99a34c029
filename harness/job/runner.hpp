// One run of a job's reproducer against one kernel.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "harness/backend/backend.hpp"
#include "harness/job/job.hpp"
#include "harness/kernel/image.hpp"
#include "harness/monitor/outcome.hpp"
#include "harness/report/decoder.hpp"

namespace harness {

// A report with files and lines.
struct DecodedReport {
  std::string text; // as the log has it where the kernel has no debug information; then its code
  std::vector<std::string> files; // that the frames name, the guilty one first; may be empty
};

// A run that was kept.
struct KeptRun {
  Outcome outcome;
  std::filesystem::path folder; // below <state>/runs: console, summary, report where there is one
};

// What a job alone says of its runs: all but kernel, initramfs, modules and name. slowdown: the
// backend's.
RunSpec run_spec(const Job& job, double slowdown);

class Runner {
 public:
  // session: base::Warden's folder; state: base::state_home(). The backend outlives the runner.
  // fresh_boot: a boot for each run, also where the backend has clones.
  Runner(const Job& job, Backend& backend, const std::filesystem::path& session,
         const std::filesystem::path& state, bool fresh_boot = false);
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;
  ~Runner();

  // Replays the program in a guest of the image, and keeps what came. The guest is booted, or
  // cloned from one that was, once for all runs of an image that follow each other. May be called
  // from several threads. Throws base::Interrupted, base::SysError where the state folder cannot be
  // written.
  KeptRun run(const Image& image, const OnEvent& on_event = {});

  // A report of a run of that image. May be called from several threads.
  DecodedReport decode(const Image& image, const CrashReport& report);

 private:
  using Preparation = std::variant<std::shared_ptr<const Prepared>, Outcome>;

  RunSpec spec_of(const Image& image, unsigned count) const;
  Outcome watch(const Image& image, unsigned count, const OnEvent& on_event);
  std::shared_ptr<const KernelImage> kernel_of(const Image& image);
  Preparation prepared_for(const Image& image, const RunSpec& spec, const OnEvent& on_event);
  Preparation prepare(const Image& image, const RunSpec& spec, const OnEvent& on_event);

  const Job& job_;
  Backend& backend_;
  std::filesystem::path session_;
  std::filesystem::path state_;
  std::filesystem::path initramfs_;
  std::vector<std::string> modules_; // names, in loading order
  std::mutex mutex_;                 // guards count_, decoder_ and its key
  unsigned count_ = 0;
  std::unique_ptr<Decoder> decoder_; // of the last vmlinux asked for
  std::filesystem::path decoded_;
  bool clones_;
  std::mutex preparing_; // guards the next two; held while a guest boots for them
  std::shared_ptr<const Prepared> prepared_;
  std::filesystem::path prepared_of_;
  std::mutex opening_;                        // guards the next two
  std::shared_ptr<const KernelImage> kernel_; // the last one asked for
  std::filesystem::path kernel_file_;
};

// The user's own kernel: an ELF vmlinux or a bzImage, told apart by their first bytes. Throws
// base::UsageError where the file is missing or neither.
Image image_of_file(const std::filesystem::path& file);

} // namespace harness
