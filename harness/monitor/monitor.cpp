#include "harness/monitor/monitor.hpp"

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

} // namespace

Outcome watch_run(Backend& backend, const RunSpec& spec,
                  const std::function<void(const std::string&)>& on_event) {
  const TimePoint start = now();
  try {
    const std::unique_ptr<Guest> guest = backend.boot(spec.boot);
    Watch watch(spec, backend.capabilities().slowdown, start, on_event);
    while (!watch.ended()) {
      const GuestOutput output = guest->poll(watch.patience(now()));
      base::check_stop();
      watch.step(output, now());
      if (const std::string message = watch.take_message(); !message.empty())
        guest->send(message);
      nudge(*guest, watch.take_nmi() && backend.capabilities().nmi);
    }
    guest->stop();
    return watch.finish(now());
  } catch (const base::Interrupted&) {
    throw;
  } catch (const base::UsageError&) {
    throw;
  } catch (const base::Error& error) {
    return broken(error.what());
  }
}

} // namespace harness
