// One run as a state machine over bytes and time. It does no input or output and never sleeps.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "guest/wire.hpp"
#include "harness/backend/backend.hpp"
#include "harness/inspect/hang_verdict.hpp"
#include "harness/monitor/console.hpp"
#include "harness/monitor/monitor.hpp"
#include "harness/monitor/outcome.hpp"
#include "harness/report/crash.hpp"

namespace harness {

using TimePoint = std::chrono::steady_clock::time_point;

class Watch {
 public:
  enum class Goal : std::uint8_t {
    verdict, // the whole run
    armed,   // until the program is ready to start; see armed()
  };
  // A boot. spec is borrowed.
  Watch(const RunSpec& spec, double slowdown, TimePoint start,
        std::function<void(const std::string&)> on_event, Goal goal = Goal::verdict);
  // A clone, with what it was cloned from, borrowed for the call.
  Watch(const RunSpec& spec, double slowdown, TimePoint start,
        std::function<void(const std::string&)> on_event, const Prepared& prepared,
        const guest::Wake& wake);

  // What came from the guest since the last call (perhaps nothing), and the time now.
  void step(const GuestOutput& output, TimePoint now);

  bool ended() const { return phase_ == Phase::ended; }
  // Ended because the program is ready to start: there is no outcome yet.
  bool armed() const { return armed_; }
  // Still boots, and its console shows nothing, at all or for a while.
  bool mute(TimePoint now) const;
  // The kernel of such a guest has logged a crash.
  void on_silent_crash(TimePoint now);
  // How long nothing needs to be done if nothing comes.
  std::chrono::milliseconds patience(TimePoint now) const;
  // Bytes for the agent; once.
  std::string take_message() { return std::exchange(message_, {}); }
  // A step of the program has been under way for a while: it may be about to hang.
  bool waits(TimePoint now) const;
  // True once, when the guest should be looked at from outside; then on_diagnosis() follows.
  bool take_look() { return std::exchange(look_, false); }
  // What was seen; nothing where nobody can look. step() may be called in between.
  void on_diagnosis(std::optional<HangDiagnosis> diagnosis, TimePoint now);
  // True once, when a guest that answers nothing should get an NMI.
  bool take_nmi() { return std::exchange(nmi_, false); }
  // The outcome, after ended().
  Outcome finish(TimePoint now);
  // What was seen of a guest that hung, or of a boot that got nowhere; where there was a look.
  const std::optional<HangDiagnosis>& diagnosis() const { return diagnosis_; }

 private:
  enum class Phase {
    booting,   // until the agent says hello
    stuck,     // it does not get there; the guest is being looked at
    preparing, // setup and program are sent; until started
    running,   // until done
    settling,  // the program is done; the kernel may still complain
    tail,      // a crash began; its text is coming
    looking,   // it is there, and says that something hangs; the guest is being looked at
    dumping,   // it hangs; the agent was asked for stacks
    ended,
  };
  using Milliseconds = std::chrono::milliseconds;

  Milliseconds scaled(Milliseconds limit) const;
  Milliseconds quiet_window() const;
  void enter(Phase phase, TimePoint now, Milliseconds limit);
  void end(OutcomeKind kind, const std::string& detail);
  void on_console(std::string_view bytes, TimePoint now);
  void on_frame(const guest::Frame& frame, TimePoint now);
  void on_hello(const guest::Hello& hello, TimePoint now);
  void on_begin(const guest::Begin& begin);
  void on_steps(const std::vector<guest::Step>& steps, TimePoint now);
  void on_done(const guest::Done& done, TimePoint now);
  void on_guest_end(const GuestOutput& output);
  void on_time(TimePoint now);
  void on_deadline(TimePoint now);
  void begin_tail(TimePoint now);
  void boot_hang(const std::string& why, TimePoint now);
  void hang(const std::string& why, TimePoint now);
  void end_tail(TimePoint now);
  void end_clean();
  bool talking() const;
  bool mute_agent(TimePoint now) const;
  void add_diagnosis();
  std::string place() const;
  std::string step_name(unsigned index) const;
  void tell(const std::string& event) const;

  const RunSpec& spec_;
  double slowdown_;
  Goal goal_ = Goal::verdict;
  bool armed_ = false;
  std::function<void(const std::string&)> on_event_;

  Phase phase_ = Phase::booting;
  Phase before_tail_ = Phase::booting;
  TimePoint start_;
  TimePoint deadline_;   // of the phase
  TimePoint last_frame_; // heartbeats and all others
  TimePoint last_sign_;  // console bytes or step frames
  ConsoleBuffer console_;
  CrashScanner scanner_;
  guest::Decoder decoder_;
  std::map<unsigned, unsigned> under_way_; // thread to step
  std::optional<guest::Done> done_;
  std::string unexpected_; // the first step that did not do what it should
  std::string hang_detail_;
  std::optional<std::string> before_nmi_; // the console when an NMI was asked for
  std::string message_;
  bool nmi_ = false;
  bool look_ = false;
  bool looked_ = false; // since the last frame of the agent
  std::optional<HangDiagnosis> diagnosis_;
  Outcome outcome_;
};

} // namespace harness
