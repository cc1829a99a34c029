// Watches one run and says how it ended.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "guest/wire.hpp"
#include "harness/backend/backend.hpp"
#include "harness/inspect/kernel_image.hpp"
#include "harness/monitor/outcome.hpp"

namespace harness {

// Limits of one run, as on hardware KVM; the monitor multiplies them by the backend's slowdown.
struct RunLimits {
  std::chrono::milliseconds boot{20'000};    // start to agent ready
  std::chrono::milliseconds program{20'000}; // program sent to done
  std::chrono::milliseconds suspect{1'500};  // gap between heartbeats: the guest is looked at
  std::chrono::milliseconds silence{5'000};  // longest gap between heartbeats
  std::chrono::milliseconds settle{300};     // after done: time for the kernel to complain
  std::chrono::milliseconds crash_tail{
      1'500};                            // after a crash began: time for its text to be complete
  std::chrono::milliseconds look{3'000}; // for a look from outside
};

struct RunSpec {
  BootSpec boot;
  guest::Setup setup;
  std::string program;                 // encoded
  std::vector<std::string> step_names; // one a step, for people
  RunLimits limits;
  // Of the kernel that boots, to look into the guest with; borrowed. Null: nothing is looked at.
  const KernelImage* kernel = nullptr;
};

using OnEvent = std::function<void(const std::string&)>; // may be empty

// A guest in which the program is ready to start, as a snapshot.
struct Prepared {
  std::shared_ptr<const Snapshot> snapshot;
  std::string console; // of the boot
  std::string kernel_release;
  double boot_seconds = 0;
};

// Boots, sets up, hands over the program and takes a snapshot before it starts. Where the run ends
// before that (it does not boot, lacks a device): its outcome. Throws as watch_run.
std::variant<Prepared, Outcome> prepare_run(Backend& backend, const RunSpec& spec,
                                            const OnEvent& on_event = {});

// A run that starts from there; spec as given to prepare_run. Otherwise as watch_run.
Outcome watch_clone(Backend& backend, const Prepared& prepared, const RunSpec& spec,
                    const OnEvent& on_event = {});

// Boots, talks to the agent, watches console and channel, stops the guest. Never throws for what a
// guest does; failures of the backend become OutcomeKind::infrastructure. Throws base::Interrupted,
// and base::UsageError for a kernel that this backend cannot boot. on_event, where set, is told of
// the stages ("booted 6.1.0 in 1.3 s", "step 4 ...").
Outcome watch_run(Backend& backend, const RunSpec& spec, const OnEvent& on_event = {});

} // namespace harness
