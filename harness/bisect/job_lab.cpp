#include "harness/bisect/job_lab.hpp"

namespace harness {

Trial JobLab::run(const std::string& /*sha*/, const Image& image, unsigned /*index*/,
                  const OnStage& on_stage) {
  const KeptRun kept = runner_.run(image, on_stage);
  return trial_of(kept.outcome, [this, &image](const CrashReport& report) {
    return runner_.decode(image, report);
  });
}

} // namespace harness
