#include "harness/monitor/monitor.hpp"

#include <algorithm>
#include <cerrno>
#include <sys/random.h>

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

void nudge(Guest& guest, bool nmi) {
  try {
    if (nmi)
      guest.inject_nmi();
  } catch (const base::Error& error) {
    base::log("monitor", base::LogLevel::info, "no NMI: {}", error.what());
  }
}

constexpr std::chrono::milliseconds log_pace{10};

// What a guest of the backend does goes to the watch, and back, until it has ended. words, of a
// guest that boots, and tap, of a clone, may be null.
void follow(Guest& guest, Watch& watch, const Backend& backend, LastWords* words, LogTap* tap) {
  while (!watch.ended()) {
    std::chrono::milliseconds patience = watch.patience(now());
    if (words && watch.mute(now())) {
      if (words->listen(now()))
        watch.on_silent_crash(now());
      patience = std::min(patience, LastWords::patience);
    }
    if (tap && tap->works())
      patience = std::min(patience, log_pace);
    GuestOutput output = guest.poll(patience);
    base::check_stop();
    if (tap)
      tap->replace(output);
    watch.step(output, now());
    if (const std::string message = watch.take_message(); !message.empty())
      guest.send(message);
    nudge(guest, watch.take_nmi() && backend.capabilities().nmi);
  }
}

// The outcome of a boot; ends the guest.
Outcome conclude(Guest& guest, Watch& watch, LastWords& words) {
  Outcome outcome = watch.finish(now());
  words.tell(outcome);
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
  wake.seed.resize(64);
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
    LastWords words(*guest, backend.capabilities(), spec.boot.vmlinux, start);
    follow(*guest, watch, backend, &words, nullptr);
    return conclude(*guest, watch, words);
  });
}

std::variant<Prepared, Outcome> prepare_run(Backend& backend, const RunSpec& spec,
                                            const OnEvent& on_event) {
  return guarded([&]() -> std::variant<Prepared, Outcome> {
    const TimePoint start = now();
    const std::unique_ptr<Guest> guest = backend.boot(spec.boot);
    Watch watch(spec, backend.capabilities().slowdown, start, on_event, Watch::Goal::armed);
    LastWords words(*guest, backend.capabilities(), spec.boot.vmlinux, start);
    follow(*guest, watch, backend, &words, nullptr);
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
    LogTap tap(*guest, backend.capabilities().inspect ? spec.kernel : nullptr);
    Watch watch(spec, backend.capabilities().slowdown, start, on_event, prepared,
                wake_call(tap.works()));
    follow(*guest, watch, backend, nullptr, &tap);
    guest->stop();
    Outcome outcome = watch.finish(now());
    outcome.port = tap.take_port();
    return outcome;
  });
}

} // namespace harness
