#include "harness/monitor/watch.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "vmm/base/text.hpp"

namespace harness {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds quiet{150};          // a report is complete when nothing came for so long,
constexpr milliseconds quiet_when_done{30}; // or for so long after the program was done as well
constexpr milliseconds long_pause{1'000};   // of a console in a boot
constexpr milliseconds long_step{300};
constexpr milliseconds preparing{10'000}; // modules, sysctls, upload of the program
constexpr milliseconds dump_limit{4'000};
constexpr std::size_t max_steps_kept = 65'536;

// Hung tasks, lockups and stalls.
bool tells_of_a_hang(const CrashReport& report) { return report.type == "HANG"; }

double seconds_between(TimePoint from, TimePoint to) {
  return std::chrono::duration<double>(to - from).count();
}

} // namespace

Watch::Watch(const RunSpec& spec, double slowdown, TimePoint start,
             std::function<void(const std::string&)> on_event, Goal goal)
    : spec_(spec), slowdown_(std::max(1.0, slowdown)), goal_(goal), on_event_(std::move(on_event)),
      start_(start), last_frame_(start), last_sign_(start) {
  enter(Phase::booting, start, spec.limits.boot);
}

Watch::Watch(const RunSpec& spec, double slowdown, TimePoint start,
             std::function<void(const std::string&)> on_event, const Prepared& prepared,
             const guest::Wake& wake)
    : Watch(spec, slowdown, start, std::move(on_event)) {
  outcome_.kernel_release = prepared.kernel_release;
  console_.append(prepared.console);
  message_ = guest::encode(wake);
  enter(Phase::preparing, start, preparing);
}

Watch::Milliseconds Watch::scaled(Milliseconds limit) const {
  return Milliseconds(
      static_cast<Milliseconds::rep>(static_cast<double>(limit.count()) * slowdown_));
}

void Watch::enter(Phase phase, TimePoint now, Milliseconds limit) {
  phase_ = phase;
  deadline_ = now + scaled(limit);
}

void Watch::end(OutcomeKind kind, const std::string& detail) {
  phase_ = Phase::ended;
  outcome_.kind = kind;
  outcome_.detail = base::printable(detail);
}

void Watch::tell(const std::string& event) const {
  if (on_event_)
    on_event_(event);
}

void Watch::step(const GuestOutput& output, TimePoint now) {
  on_console(output.console, now);
  decoder_.feed(output.channel);
  while (!ended()) {
    const std::optional<guest::Frame> frame = decoder_.next();
    if (!frame)
      break;
    last_frame_ = now;
    looked_ = false;
    on_frame(*frame, now);
  }
  if (ended())
    return;
  if (output.state != GuestState::running)
    on_guest_end(output);
  else
    on_time(now);
}

void Watch::on_console(std::string_view bytes, TimePoint now) {
  if (bytes.empty())
    return;
  console_.append(bytes);
  last_sign_ = now;
  const bool watching = phase_ != Phase::tail && phase_ != Phase::looking &&
                        phase_ != Phase::dumping && phase_ != Phase::ended;
  if (scanner_.feed(bytes) && watching)
    begin_tail(now);
}

void Watch::on_silent_crash(TimePoint now) {
  if (phase_ != Phase::booting)
    return;
  last_sign_ = now;
  begin_tail(now);
}

void Watch::begin_tail(TimePoint now) {
  before_tail_ = phase_ == Phase::stuck ? Phase::booting : phase_;
  tell("the kernel reports a crash");
  enter(Phase::tail, now, spec_.limits.crash_tail);
}

void Watch::on_frame(const guest::Frame& frame, TimePoint now) {
  using guest::FrameType;
  switch (frame.type) {
  case FrameType::hello:
    if (const auto hello = guest::decode_hello(frame.payload);
        hello && outcome_.kernel_release.empty())
      on_hello(*hello, now);
    break;
  case FrameType::missing:
    if (const auto missing = guest::decode_missing(frame.payload); missing && !done_)
      end(OutcomeKind::not_testable,
          missing->config.empty() ? fmt::format("{} is missing in the guest", missing->what)
                                  : fmt::format("{} is missing in the guest: the kernel lacks {}",
                                                missing->what, missing->config));
    break;
  case FrameType::started:
    if (phase_ == Phase::preparing)
      enter(Phase::running, now, spec_.limits.program + dump_limit);
    break;
  case FrameType::begin:
    if (const auto begin = guest::decode_begin(frame.payload))
      on_begin(*begin);
    break;
  case FrameType::armed:
    armed_ = goal_ == Goal::armed;
    if (armed_)
      phase_ = Phase::ended;
    break;
  case FrameType::awake:
    outcome_.boot_seconds = seconds_between(start_, now);
    break;
  case FrameType::steps:
    if (const auto steps = guest::decode_steps(frame.payload))
      on_steps(*steps, now);
    break;
  case FrameType::done:
    if (const auto done = guest::decode_done(frame.payload))
      on_done(*done, now);
    break;
  case FrameType::note:
    tell("guest: " + base::printable(frame.payload));
    break;
  case FrameType::dumped:
    if (phase_ == Phase::running)
      hang(fmt::format("not done after {:.0f} s", seconds_between(start_, now)), now);
    break;
  default:
    break; // heartbeats count by coming; the rest is not for the host
  }
}

void Watch::on_hello(const guest::Hello& hello, TimePoint now) {
  outcome_.kernel_release = base::printable(hello.release).substr(0, 200);
  outcome_.boot_seconds = seconds_between(start_, now);
  tell(fmt::format("booted {} in {:.1f} s", outcome_.kernel_release, outcome_.boot_seconds));
  guest::Setup setup = spec_.setup;
  setup.deadline_ms = static_cast<std::uint32_t>(scaled(spec_.limits.program).count());
  setup.hold = goal_ == Goal::armed;
  message_ += guest::encode(setup);
  message_ += guest::encode(guest::Frame{guest::FrameType::program, spec_.program});
  if (phase_ == Phase::booting || phase_ == Phase::stuck)
    enter(Phase::preparing, now, preparing);
  if (phase_ == Phase::tail)
    before_tail_ = Phase::preparing;
}

void Watch::on_begin(const guest::Begin& begin) {
  under_way_[begin.thread % 256] = begin.index;
  tell(fmt::format("step {} takes its time: {}", begin.index, step_name(begin.index)));
}

void Watch::on_steps(const std::vector<guest::Step>& steps, TimePoint now) {
  last_sign_ = now;
  for (const guest::Step& step : steps) {
    under_way_.erase(step.thread % 256);
    if (outcome_.steps.size() < max_steps_kept)
      outcome_.steps.push_back({step.index, step.thread, step.result, step.error, step.expected});
    if (!step.expected && unexpected_.empty())
      unexpected_ = fmt::format("{}: {}", step_name(step.index),
                                step.error != 0 ? std::strerror(step.error)
                                                : fmt::format("unexpected result {}", step.result));
  }
}

void Watch::on_done(const guest::Done& done, TimePoint now) {
  if (done_)
    return;
  done_ = done;
  under_way_.clear();
  if (phase_ == Phase::running || phase_ == Phase::preparing)
    enter(Phase::settling, now, spec_.limits.settle);
  if (phase_ == Phase::tail)
    last_sign_ = now;
}

void Watch::on_guest_end(const GuestOutput& output) {
  const std::string how = output.state == GuestState::off ? "the guest powered off or reset"
                                                          : "the guest died: " + output.reason;
  if (phase_ == Phase::dumping)
    return end(OutcomeKind::hang, hang_detail_);
  if (phase_ == Phase::looking)
    return end(OutcomeKind::crash, "");
  if (outcome_.kernel_release.empty())
    return end(OutcomeKind::boot_failure, how + " before the agent was ready");
  // Whether it was a crash is for the log to say; see finish().
  end(OutcomeKind::hang, how + place());
}

bool Watch::mute_agent(TimePoint now) const {
  return now - last_frame_ >= scaled(spec_.limits.suspect);
}

bool Watch::waits(TimePoint now) const {
  return phase_ == Phase::running && !under_way_.empty() && now - last_sign_ >= long_step;
}

bool Watch::talking() const { return phase_ == Phase::preparing || phase_ == Phase::running; }

// What the program's own task prints is printed before it is done.
Watch::Milliseconds Watch::quiet_window() const {
  return scaled(phase_ == Phase::tail && done_ ? quiet_when_done : quiet);
}

void Watch::on_time(TimePoint now) {
  const bool still = now - last_sign_ >= quiet_window();
  if (phase_ == Phase::tail && still)
    return end_tail(now);
  if (phase_ == Phase::dumping && still && !nmi_ && now + scaled(dump_limit / 2) >= deadline_)
    return end(OutcomeKind::hang, hang_detail_);
  if (phase_ == Phase::booting && !console_.empty() &&
      now - last_sign_ >= 2 * scaled(spec_.limits.silence))
    return boot_hang(fmt::format("silent for {:.0f} s before the agent was ready",
                                 seconds_between(last_sign_, now)),
                     now);
  if (talking() && mute_agent(now) && !looked_)
    look_ = looked_ = true;
  if (talking() && now - last_frame_ >= scaled(spec_.limits.silence))
    return hang(fmt::format("no heartbeat for {:.0f} s", seconds_between(last_frame_, now)), now);
  if (now >= deadline_)
    on_deadline(now);
}

void Watch::on_deadline(TimePoint now) {
  switch (phase_) {
  case Phase::booting:
    return boot_hang(
        fmt::format("the agent was not ready after {:.0f} s", seconds_between(start_, now)), now);
  case Phase::stuck:
    return end(OutcomeKind::boot_failure, hang_detail_);
  case Phase::preparing:
  case Phase::running:
    return hang(fmt::format("not done after {:.0f} s", seconds_between(start_, now)), now);
  case Phase::settling:
    return end_clean();
  case Phase::tail:
    return end_tail(now);
  case Phase::looking:
    return end(OutcomeKind::crash, "");
  case Phase::dumping:
    return end(OutcomeKind::hang, hang_detail_);
  case Phase::ended:
    return;
  }
}

void Watch::boot_hang(const std::string& why, TimePoint now) {
  hang_detail_ = why;
  tell(hang_detail_);
  look_ = true;
  enter(Phase::stuck, now, spec_.limits.look);
}

void Watch::hang(const std::string& why, TimePoint now) {
  hang_detail_ = why + place();
  tell(hang_detail_);
  message_ += guest::encode(guest::Frame{guest::FrameType::dump, ""});
  look_ = true;
  nmi_ = why.find("heartbeat") != std::string::npos;
  if (nmi_)
    before_nmi_ = console_.text();
  last_sign_ = now;
  enter(Phase::dumping, now, dump_limit);
}

// A guest that does not answer and hangs will do so for ever; one that answers is heard to the end
// of its own words first, and one that answers again goes on. A boot that still prints is slow.
void Watch::on_diagnosis(std::optional<HangDiagnosis> diagnosis, TimePoint now) {
  if (diagnosis)
    tell("seen from outside: " + diagnosis->summary);
  if (phase_ == Phase::stuck) {
    if (now - last_sign_ >= scaled(spec_.limits.suspect))
      diagnosis_ = std::move(diagnosis);
    return end(OutcomeKind::boot_failure, hang_detail_);
  }
  const bool shown = diagnosis && diagnosis->report;
  const bool mute = mute_agent(now);
  if (shown && (mute || !talking()))
    diagnosis_ = std::move(diagnosis);
  if (phase_ == Phase::looking)
    return end(OutcomeKind::crash, "");
  if (shown && mute && phase_ == Phase::dumping)
    return end(OutcomeKind::hang, hang_detail_);
  if (shown && mute && talking())
    end(OutcomeKind::hang,
        fmt::format("no heartbeat for {:.0f} s{}", seconds_between(last_frame_, now), place()));
}

// What a kernel says of a hang is preferred; what was seen is added to it.
void Watch::add_diagnosis() {
  if (!diagnosis_)
    return;
  if (outcome_.kind == OutcomeKind::crash && tells_of_a_hang(outcome_.reports.front()))
    outcome_.reports.front().text += "\n" + diagnosis_->text;
  if (outcome_.kind != OutcomeKind::hang)
    return;
  outcome_.detail = diagnosis_->report->title + ": " + outcome_.detail;
  outcome_.reports.insert(outcome_.reports.begin(), *diagnosis_->report);
}

void Watch::end_tail(TimePoint now) {
  if (before_tail_ == Phase::booting)
    return end(OutcomeKind::boot_failure, "the kernel crashed before the agent was ready");
  const std::vector<CrashReport> reports = reports_in(console_.text());
  if (!reports.empty() && !reports.front().suppressed) {
    if (!tells_of_a_hang(reports.front()))
      return end(OutcomeKind::crash, "");
    look_ = true;
    return enter(Phase::looking, now, spec_.limits.look);
  }
  // It only looked like one: go on where it was.
  scanner_ = CrashScanner();
  if (done_)
    return enter(Phase::settling, now, spec_.limits.settle);
  enter(before_tail_, now, spec_.limits.program + dump_limit);
}

void Watch::end_clean() {
  if (!done_->finished)
    return end(OutcomeKind::not_testable, "the program did not run to its end: " + done_->text);
  if (done_->unexpected != 0 || !unexpected_.empty())
    return end(OutcomeKind::not_testable,
               "the program did not do what it should: " +
                   (unexpected_.empty() ? "a step failed" : unexpected_));
  end(OutcomeKind::clean, "");
}

std::chrono::milliseconds Watch::patience(TimePoint now) const {
  TimePoint next = deadline_;
  if (phase_ == Phase::tail || phase_ == Phase::dumping)
    next = std::min(next, last_sign_ + quiet_window());
  if (talking())
    next =
        std::min(next, last_frame_ + scaled(looked_ ? spec_.limits.silence : spec_.limits.suspect));
  const auto left = std::chrono::ceil<Milliseconds>(next - now);
  return std::clamp(left, Milliseconds(10), Milliseconds(1'000));
}

std::string Watch::step_name(unsigned index) const {
  return index < spec_.step_names.size() ? spec_.step_names[index] : fmt::format("step {}", index);
}

std::string Watch::place() const {
  if (under_way_.empty())
    return done_ ? " after the program" : "";
  return fmt::format(" in step {}: {}", under_way_.begin()->second,
                     step_name(under_way_.begin()->second));
}

bool Watch::mute(TimePoint now) const {
  const bool booting =
      phase_ == Phase::booting || (phase_ == Phase::tail && before_tail_ == Phase::booting);
  return booting && (console_.empty() || now - last_sign_ >= scaled(long_pause));
}

Outcome Watch::finish(TimePoint now) {
  outcome_.console = console_.text();
  outcome_.seconds = seconds_between(start_, now);
  // The NMI makes a guest panic: that report is our doing.
  outcome_.reports = reports_in(before_nmi_ ? *before_nmi_ : outcome_.console);
  const bool crashed = !outcome_.reports.empty() && !outcome_.reports.front().suppressed;
  const bool ran = outcome_.kind == OutcomeKind::hang || outcome_.kind == OutcomeKind::clean ||
                   (outcome_.kind == OutcomeKind::not_testable && done_);
  if (crashed && (ran || outcome_.kind == OutcomeKind::crash)) {
    outcome_.kind = OutcomeKind::crash;
    outcome_.detail = outcome_.reports.front().title;
  }
  add_diagnosis();
  return std::move(outcome_);
}

} // namespace harness
