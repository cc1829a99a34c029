#include "harness/monitor/monitor.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <sys/random.h>

#include "harness/inspect/hang.hpp"
#include "harness/monitor/last_words.hpp"
#include "harness/monitor/log_tap.hpp"
#include "harness/monitor/watch.hpp"
#include "vmm/base/error.hpp"
#include "vmm/base/log.hpp"
#include "vmm/base/stop.hpp"

namespace harness {

namespace {

TimePoint now() { return std::chrono::steady_clock::now(); }

Outcome broken(const std::string& why) {
  Outcome outcome;
  outcome.kind = OutcomeKind::infrastructure;
  outcome.detail = why;
  return outcome;
}

constexpr std::chrono::milliseconds log_pace{10};

// One guest, followed to the end of its run.
class Follower {
 public:
  // words, of a guest that boots, and tap, of a clone, may be null. All are borrowed.
  Follower(Guest& guest, Watch& watch, const Capabilities& can, const KernelImage* kernel,
           LastWords* words, LogTap* tap)
      : guest_(guest), watch_(watch), can_(can), kernel_(kernel), words_(words), tap_(tap) {}

  void run() {
    while (!watch_.ended()) {
      hear(watch_.patience(now()));
      if (watch_.waits(now()))
        get_ready();
      if (watch_.take_look())
        watch_.on_diagnosis(look(), now());
      if (!watch_.ended() && watch_.take_nmi())
        nudge();
    }
  }

 private:
  // What the guest does goes to the watch, and back.
  void hear(std::chrono::milliseconds patience) {
    if (words_ && watch_.mute(now())) {
      if (words_->listen(now()))
        watch_.on_silent_crash(now());
      patience = std::min(patience, LastWords::patience);
    }
    if (tap_ && tap_->works())
      patience = std::min(patience, log_pace);
    GuestOutput output = guest_.poll(patience);
    base::check_stop();
    if (tap_)
      tap_->replace(output);
    watch_.step(output, now());
    if (const std::string message = watch_.take_message(); !message.empty())
      guest_.send(message);
  }

  // What a look needs of the kernel's file takes long to find, once for a kernel: a look that
  // nobody waits for finds it.
  void get_ready() {
    if (hang_ || !can_look_)
      return;
    try {
      const auto use = kernel_->hold();
      HangWatch(guest_, *kernel_).look();
      hang_ = std::make_unique<HangWatch>(guest_, *kernel_);
    } catch (const base::Error& error) {
      base::log("monitor", base::LogLevel::info, "no look from outside: {}", error.what());
      can_look_ = false;
    }
  }

  // Nothing where nobody can look, or the guest ends meanwhile.
  std::optional<HangDiagnosis> look() {
    if (!can_look_)
      return std::nullopt;
    try {
      const auto use = kernel_->hold();
      const std::unique_ptr<HangWatch> hang =
          hang_ ? std::move(hang_) : std::make_unique<HangWatch>(guest_, *kernel_);
      return diagnose_hang(*hang, HangLooks{}, [this](auto wait) {
        for (const TimePoint end = now() + wait; now() < end && !watch_.ended();)
          hear(std::chrono::ceil<std::chrono::milliseconds>(end - now()));
      });
    } catch (const base::Interrupted&) {
      throw;
    } catch (const base::Error& error) {
      base::log("monitor", base::LogLevel::info, "no look from outside: {}", error.what());
      return std::nullopt;
    }
  }

  void nudge() {
    try {
      if (can_.nmi)
        guest_.inject_nmi();
    } catch (const base::Error& error) {
      base::log("monitor", base::LogLevel::info, "no NMI: {}", error.what());
    }
  }

  Guest& guest_;
  Watch& watch_;
  const Capabilities& can_;
  const KernelImage* kernel_;
  LastWords* words_;
  LogTap* tap_;
  bool can_look_ = kernel_ != nullptr && kernel_->why().empty();
  std::unique_ptr<HangWatch> hang_; // ready for the next look
};

// The kernel to look into a guest with; null where the backend does not let anybody look.
const KernelImage* kernel_for(const Backend& backend, const RunSpec& spec) {
  return backend.capabilities().inspect ? spec.kernel : nullptr;
}

// What was seen of a boot that got nowhere stands behind its log.
void add_look(const HangDiagnosis& seen, Outcome& outcome) {
  outcome.detail += "; seen from outside: " + seen.summary;
  if (outcome.reports.empty() && seen.report)
    outcome.reports.push_back(*seen.report);
  add_below(outcome.console, "seen from outside", seen.text);
}

// The outcome of a boot; ends the guest.
Outcome conclude(Guest& guest, Watch& watch, LastWords& words) {
  Outcome outcome = watch.finish(now());
  words.tell(outcome);
  if (outcome.kind == OutcomeKind::boot_failure && watch.diagnosis())
    add_look(*watch.diagnosis(), outcome);
  guest.stop();
  return outcome;
}

// The outcome of the work, or of the backend's failure in it.
template<class Work> auto guarded(const Work& work) -> decltype(work()) {
  try {
    return work();
  } catch (const base::Interrupted&) {
    throw;
  } catch (const base::UsageError&) {
    throw;
  } catch (const base::Error& error) {
    return broken(error.what());
  }
}

guest::Wake wake_call(bool quiet) {
  guest::Wake wake;
  wake.quiet = quiet;
  wake.seed.resize(32); // what the kernel's generator takes as a whole seed
  if (::getrandom(wake.seed.data(), wake.seed.size(), 0) != static_cast<ssize_t>(wake.seed.size()))
    throw base::SysError(errno, "getrandom", "");
  wake.realtime_ns = static_cast<std::uint64_t>(
      std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count());
  return wake;
}

} // namespace

Outcome watch_run(Backend& backend, const RunSpec& spec, const OnEvent& on_event) {
  return guarded([&] {
    const TimePoint start = now();
    const std::unique_ptr<Guest> guest = backend.boot(spec.boot);
    Watch watch(spec, backend.capabilities().slowdown, start, on_event);
    const KernelImage* const kernel = kernel_for(backend, spec);
    LastWords words(*guest, kernel, start);
    Follower(*guest, watch, backend.capabilities(), kernel, &words, nullptr).run();
    return conclude(*guest, watch, words);
  });
}

std::variant<Prepared, Outcome> prepare_run(Backend& backend, const RunSpec& spec,
                                            const OnEvent& on_event) {
  return guarded([&]() -> std::variant<Prepared, Outcome> {
    const TimePoint start = now();
    const std::unique_ptr<Guest> guest = backend.boot(spec.boot);
    Watch watch(spec, backend.capabilities().slowdown, start, on_event, Watch::Goal::armed);
    const KernelImage* const kernel = kernel_for(backend, spec);
    LastWords words(*guest, kernel, start);
    Follower(*guest, watch, backend.capabilities(), kernel, &words, nullptr).run();
    if (!watch.armed())
      return conclude(*guest, watch, words);
    Prepared prepared;
    prepared.snapshot = guest->snapshot();
    const Outcome boot = watch.finish(now());
    prepared.console = boot.console;
    prepared.kernel_release = boot.kernel_release;
    prepared.boot_seconds = boot.boot_seconds;
    return prepared;
  });
}

Outcome watch_clone(Backend& backend, const Prepared& prepared, const RunSpec& spec,
                    const OnEvent& on_event) {
  return guarded([&] {
    const TimePoint start = now();
    const std::unique_ptr<Guest> guest = backend.clone(prepared.snapshot);
    const KernelImage* const kernel = kernel_for(backend, spec);
    LogTap tap(*guest, kernel);
    Watch watch(spec, backend.capabilities().slowdown, start, on_event, prepared,
                wake_call(tap.works()));
    Follower(*guest, watch, backend.capabilities(), kernel, nullptr, &tap).run();
    guest->stop();
    Outcome outcome = watch.finish(now());
    outcome.port = tap.take_port();
    return outcome;
  });
}

} // namespace harness
