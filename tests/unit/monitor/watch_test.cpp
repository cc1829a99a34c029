#include "harness/monitor/watch.hpp"

#include <catch2/catch.hpp>

using namespace harness;
using guest::FrameType;
using std::chrono::milliseconds;

namespace {

const std::string splat =
    "[    1.000000][   T60] WARNING: possible recursive locking detected\n"
    "[    1.000001][   T60] 6.1.0 #1 Not tainted\n"
    "[    1.000002][   T60] --------------------------------------------\n"
    "[    1.000003][   T60] krepro/60 is trying to acquire lock:\n"
    "[    1.000004][   T60] ffff888003e14ba8 (&vq->mutex){+.+.}-{3:3}, at: lock_all+0x12/0x34\n"
    "[    1.000005][   T60] \n"
    "[    1.000006][   T60] but task is already holding lock:\n"
    "[    1.000007][   T60] ffff888003e14ba9 (&vq->mutex){+.+.}-{3:3}, at: lock_all+0x12/0x34\n"
    "[    1.000008][   T60] stack backtrace:\n"
    "[    1.000009][   T60] Call Trace:\n"
    "[    1.000010][   T60]  lock_all+0x12/0x34\n"
    "[    1.000011][   T60]  vfs_write+0x12/0x34\n";

// A guest that is told what to say, and a clock that is told the time.
struct Story {
  explicit Story(double slowdown = 1, Watch::Goal goal = Watch::Goal::verdict)
      : watch(prepare(spec), slowdown, TimePoint(), {}, goal) {}
  explicit Story(const Prepared& prepared)
      : watch(prepare(spec), 1, TimePoint(), {}, prepared, guest::Wake{"seed", 1, true}) {}

  static const RunSpec& prepare(RunSpec& spec) {
    spec.step_names = {"open /dev/vhost-net", "iotlb update"};
    spec.program = "program";
    return spec;
  }
  Story& console(const std::string& text) { return give({text, "", GuestState::running, ""}); }
  Story& frame(const std::string& bytes) { return give({"", bytes, GuestState::running, ""}); }
  Story& frame(FrameType type) { return frame(guest::encode(guest::Frame{type, ""})); }
  Story& hello() {
    return frame(guest::encode(guest::Hello{guest::wire_version, 2, 900, "6.1.0"}));
  }
  Story& started() { return hello().frame(FrameType::ready).frame(FrameType::started); }
  Story& begin(unsigned index) { return frame(guest::encode(guest::Begin{index, 0})); }
  Story& step(unsigned index, bool expected = true) {
    return frame(guest::encode(
        std::vector<guest::Step>{{index, 0, expected ? 0 : -1, expected ? 0 : 19, expected}}));
  }
  Story& done(bool finished = true, const std::string& text = "") {
    return frame(guest::encode(guest::Done{finished, 0, text}));
  }
  Story& dies(GuestState state) { return give({"", "", state, "triple fault"}); }
  // Lets time pass in small steps, with heartbeats or without.
  Story& wait(milliseconds duration, bool heartbeats = true) {
    for (const TimePoint end = now + duration; now < end && !watch.ended();) {
      now += milliseconds(50);
      give({"", heartbeats ? guest::encode_heartbeat(1) : "", GuestState::running, ""});
    }
    return *this;
  }
  Story& give(const GuestOutput& output) {
    if (!watch.ended())
      watch.step(output, now);
    sent += watch.take_message();
    nmi = nmi || watch.take_nmi();
    return *this;
  }
  Outcome outcome() {
    REQUIRE(watch.ended());
    return watch.finish(now);
  }

  RunSpec spec;
  TimePoint now{};
  Watch watch;
  std::string sent;
  bool nmi = false;
};

const std::string hung_task =
    "[    9.000000][   T20] INFO: task krepro:60 blocked for more than 3 seconds.\n"
    "[    9.000001][   T20]       Not tainted 6.1.0 #1\n"
    "[    9.000002][   T20] task:krepro          state:D stack:13000 pid:60    ppid:1\n"
    "[    9.000003][   T20] Call Trace:\n"
    "[    9.000004][   T20]  schedule+0x12/0x34\n"
    "[    9.000005][   T20]  __mutex_lock+0x12/0x34\n"
    "[    9.000006][   T20]  stop_device+0x12/0x34\n"
    "[    9.000007][   T20]  vfs_write+0x12/0x34\n"
    "[    9.000008][   T20]  entry_SYSCALL_64_after_hwframe+0x12/0x34\n";

HangDiagnosis spinning() {
  CrashReport report;
  report.title = "hang in spin_here";
  report.type = "HANG";
  report.frame = "spin_here";
  report.text = "spinning in spin_here\n";
  return {HangKind::spinning, "spinning in spin_here", report.text, report};
}

// Of a run that starts from a guest that was prepared.
Prepared prepared() {
  Prepared made;
  made.console = "Linux version 6.1.0\n";
  made.kernel_release = "6.1.0";
  return made;
}

std::vector<FrameType> types(const std::string& bytes) {
  guest::Decoder decoder(guest::max_payload);
  decoder.feed(bytes);
  std::vector<FrameType> seen;
  while (const auto frame = decoder.next())
    seen.push_back(frame->type);
  return seen;
}

} // namespace

TEST_CASE("a program that runs to its end on a quiet kernel is clean") {
  Story story;
  story.console("Linux version 6.1.0\n").started().begin(0).step(0).done().wait(milliseconds(1000));
  const Outcome outcome = story.outcome();
  REQUIRE(outcome.kind == OutcomeKind::clean);
  REQUIRE(outcome.kernel_release == "6.1.0");
  REQUIRE(outcome.steps.size() == 1);
  REQUIRE(outcome.title() == "OK");
  REQUIRE(types(story.sent) == std::vector<FrameType>{FrameType::setup, FrameType::program});
}

TEST_CASE("a splat ends the run once its text is complete") {
  Story story;
  story.started().begin(1).console(splat.substr(0, 200));
  REQUIRE_FALSE(story.watch.ended());
  story.console(splat.substr(200)).wait(milliseconds(1000));
  const Outcome outcome = story.outcome();
  REQUIRE(outcome.kind == OutcomeKind::crash);
  REQUIRE(outcome.title() == "crashed: possible deadlock in lock_all");
  REQUIRE(outcome.seconds < 1);
}

TEST_CASE("a splat that comes after done still counts") {
  Story story;
  story.started().done().console(splat).wait(milliseconds(1000));
  REQUIRE(story.outcome().kind == OutcomeKind::crash);
}

TEST_CASE("a crash before the agent is ready is a boot failure with its report") {
  Story story;
  story.console(splat).wait(milliseconds(3000));
  const Outcome outcome = story.outcome();
  REQUIRE(outcome.kind == OutcomeKind::boot_failure);
  REQUIRE(outcome.reports.size() == 1);
}

TEST_CASE("a guest that never says hello is a boot failure") {
  Story story;
  story.wait(story.spec.limits.boot + milliseconds(100));
  REQUIRE(story.watch.take_look());
  story.watch.on_diagnosis({}, story.now);
  REQUIRE(story.outcome().kind == OutcomeKind::boot_failure);
}

TEST_CASE("a boot that falls silent is given up before its deadline") {
  Story story;
  story.console("Linux version 6.1.0\n").wait(milliseconds(11'000));
  REQUIRE(story.watch.take_look());
  const bool seen = GENERATE(true, false);
  if (seen)
    story.watch.on_diagnosis(spinning(), story.now);
  story.wait(milliseconds(4'000));
  const Outcome outcome = story.outcome();
  REQUIRE(outcome.kind == OutcomeKind::boot_failure);
  REQUIRE(outcome.detail == "silent for 10 s before the agent was ready");
  REQUIRE(story.watch.diagnosis().has_value() == seen);
}

TEST_CASE("a boot that still prints at its deadline is slow and does not hang") {
  Story story;
  while (!story.watch.take_look())
    story.console("one more line\n").wait(milliseconds(500));
  story.console("and another\n");
  story.watch.on_diagnosis(spinning(), story.now);
  const Outcome outcome = story.outcome();
  REQUIRE(outcome.kind == OutcomeKind::boot_failure);
  REQUIRE(!story.watch.diagnosis());
}

TEST_CASE("a boot that gets there while it is looked at goes on") {
  Story story;
  story.console("Linux version 6.1.0\n").wait(milliseconds(11'000));
  REQUIRE(story.watch.take_look());
  story.started();
  story.watch.on_diagnosis(spinning(), story.now);
  story.done().wait(milliseconds(1'000));
  REQUIRE(story.outcome().kind == OutcomeKind::clean);
}

TEST_CASE("a crash that is told while a boot is looked at is the reason of its failure") {
  Story story;
  story.console("Linux version 6.1.0\n").wait(milliseconds(11'000));
  REQUIRE(story.watch.take_look());
  story.console(splat);
  story.watch.on_diagnosis(spinning(), story.now);
  story.wait(milliseconds(1'000));
  const Outcome outcome = story.outcome();
  REQUIRE(outcome.detail == "the kernel crashed before the agent was ready");
  REQUIRE(outcome.title() == "boot failed: possible deadlock in lock_all");
}

TEST_CASE("a guest that powers off or dies while booting is a boot failure") {
  const GuestState state = GENERATE(GuestState::off, GuestState::crashed);
  Story story;
  story.console("Linux\n").dies(state);
  REQUIRE(story.outcome().kind == OutcomeKind::boot_failure);
}

TEST_CASE("a guest that dies under way without a report is a hang that names the step") {
  Story story;
  story.started().begin(1).dies(GuestState::crashed);
  const Outcome outcome = story.outcome();
  REQUIRE(outcome.kind == OutcomeKind::hang);
  REQUIRE(outcome.detail == "the guest died: triple fault in step 1: iotlb update");
}

TEST_CASE("a guest that dies under way after a report has crashed") {
  Story story;
  story.started().begin(1).console(splat).dies(GuestState::off);
  REQUIRE(story.outcome().kind == OutcomeKind::crash);
}

TEST_CASE("a missing device is not testable and its option is named") {
  Story story;
  story.hello().frame(guest::encode(guest::Missing{"/dev/vhost-net", "CONFIG_VHOST_NET"}));
  const Outcome outcome = story.outcome();
  REQUIRE(outcome.kind == OutcomeKind::not_testable);
  REQUIRE(outcome.detail ==
          "/dev/vhost-net is missing in the guest: the kernel lacks CONFIG_VHOST_NET");
}

TEST_CASE("without heartbeats the guest is asked for stacks, gets an NMI and is a hang") {
  Story story;
  story.started().begin(1).wait(milliseconds(30'000), false);
  const Outcome outcome = story.outcome();
  REQUIRE(outcome.kind == OutcomeKind::hang);
  REQUIRE(outcome.detail == "no heartbeat for 5 s in step 1: iotlb update");
  REQUIRE(story.nmi);
  REQUIRE(types(story.sent).back() == FrameType::dump);
}

TEST_CASE("the panic that the NMI causes makes no crash of a hang") {
  Story story;
  story.started().begin(1);
  while (!story.nmi && !story.watch.ended())
    story.wait(milliseconds(50), false);
  story.console("[    9.000000][    C0] Kernel panic - not syncing: NMI: Not continuing\n")
      .wait(milliseconds(30'000), false);
  const Outcome outcome = story.outcome();
  REQUIRE(outcome.kind == OutcomeKind::hang);
  REQUIRE(outcome.reports.empty());
  REQUIRE(outcome.console.find("NMI: Not continuing") != std::string::npos);
}

TEST_CASE("a program past its deadline is a hang although the heart beats") {
  Story story;
  story.started().begin(1).wait(milliseconds(60'000));
  const Outcome outcome = story.outcome();
  REQUIRE(outcome.kind == OutcomeKind::hang);
  REQUIRE(outcome.seconds > 20);
  REQUIRE_FALSE(story.nmi);
}

TEST_CASE("the agent's own dump ends in a hang, or in the crash that the dump holds") {
  Story story;
  story.started().begin(1).frame(FrameType::dumped);
  SECTION("nothing on the console") {
    story.wait(milliseconds(10'000));
    REQUIRE(story.outcome().kind == OutcomeKind::hang);
  }
  SECTION("a report on the console") {
    story.console(splat).wait(milliseconds(10'000));
    REQUIRE(story.outcome().kind == OutcomeKind::crash);
  }
}

TEST_CASE("deadlines stretch with the slowdown") {
  Story story(4);
  story.started().begin(1).wait(milliseconds(70'000));
  REQUIRE_FALSE(story.watch.ended());
  story.wait(milliseconds(60'000));
  REQUIRE(story.outcome().kind == OutcomeKind::hang);
}

TEST_CASE("a step that fails against expectation is no clean run") {
  Story story;
  story.started().begin(0).step(0, false).done().wait(milliseconds(1000));
  const Outcome outcome = story.outcome();
  REQUIRE(outcome.kind == OutcomeKind::not_testable);
  REQUIRE(outcome.detail ==
          "the program did not do what it should: open /dev/vhost-net: No such device");
}

TEST_CASE("a program that was killed is no clean run") {
  Story story;
  story.started().done(false, "killed by signal 9").wait(milliseconds(1000));
  REQUIRE(story.outcome().detail == "the program did not run to its end: killed by signal 9");
}

TEST_CASE("a hostile guest cannot keep the run from ending, nor fill memory") {
  Story story;
  SECTION("garbage on the channel, a flood on the console") {
    story.started();
    const std::string flood(1 << 20, 'A');
    for (int i = 0; i < 60 && !story.watch.ended(); ++i) {
      story.now += milliseconds(1000);
      story.give({flood, flood, GuestState::running, ""});
    }
    REQUIRE(story.outcome().console.size() < 9u << 20);
  }
  SECTION("a crash that never stops talking") {
    story.started().console(splat);
    for (int i = 0; i < 200 && !story.watch.ended(); ++i) {
      story.now += milliseconds(20);
      story.console(" and on\n");
    }
    REQUIRE(story.outcome().kind == OutcomeKind::crash);
  }
  SECTION("done before it was started, steps out of range, hello again and again") {
    story.hello().hello().step(4'000'000).done().done().wait(milliseconds(1000));
    REQUIRE(story.outcome().kind == OutcomeKind::clean);
    REQUIRE(types(story.sent).size() == 2);
  }
}

TEST_CASE("the console keeps its beginning and its end") {
  ConsoleBuffer console;
  console.append("first");
  for (int i = 0; i < 20; ++i)
    console.append(std::string(1 << 20, 'x'));
  console.append("last");
  const std::string text = console.text();
  REQUIRE(text.substr(0, 5) == "first");
  REQUIRE(text.substr(text.size() - 4) == "last");
  REQUIRE(text.find("bytes left out") != std::string::npos);
  REQUIRE(text.size() <= ConsoleBuffer::head_limit + 2 * ConsoleBuffer::tail_limit + 100);
}

TEST_CASE("a guest is prepared once the agent holds the program ready") {
  Story story(1, Watch::Goal::armed);
  story.console("Linux version 6.1.0\n").hello().frame(FrameType::ready);
  REQUIRE_FALSE(story.watch.ended());
  story.frame(FrameType::armed);
  REQUIRE(story.watch.armed());
  REQUIRE(story.watch.ended());
  guest::Decoder decoder(guest::max_payload);
  decoder.feed(story.sent);
  REQUIRE(guest::decode_setup(decoder.next()->payload)->hold);
  REQUIRE(story.outcome().kernel_release == "6.1.0");
}

TEST_CASE("a guest that lacks something is not prepared") {
  Story story(1, Watch::Goal::armed);
  story.hello().frame(guest::encode(guest::Missing{"/dev/vhost-net", "CONFIG_VHOST_NET"}));
  REQUIRE_FALSE(story.watch.armed());
  REQUIRE(story.outcome().kind == OutcomeKind::not_testable);
}

TEST_CASE("a clone is woken and goes to its verdict, with the console of its boot") {
  Story story(prepared());
  story.frame(FrameType::awake);
  REQUIRE(types(story.sent) == std::vector<FrameType>{FrameType::wake});
  story.frame(FrameType::started).console(splat).step(0).done().wait(milliseconds(50));
  const Outcome outcome = story.outcome();
  REQUIRE(outcome.title() == "crashed: possible deadlock in lock_all");
  REQUIRE(outcome.kernel_release == "6.1.0");
  REQUIRE(outcome.console == "Linux version 6.1.0\n" + splat);
}

TEST_CASE("a clone that does not wake up hangs") {
  Story story(prepared());
  story.wait(milliseconds(20'000), false);
  REQUIRE(story.outcome().kind == OutcomeKind::hang);
}

TEST_CASE("a crash that only the log in memory shows ends a boot") {
  Story story;
  REQUIRE(story.watch.mute(story.now));
  story.console("Linux version 6.1.0\n");
  REQUIRE_FALSE(story.watch.mute(story.now));
  story.wait(milliseconds(1'000));
  REQUIRE(story.watch.mute(story.now));
  story.watch.on_silent_crash(story.now);
  story.wait(milliseconds(200));
  REQUIRE(story.watch.ended());
  const Outcome outcome = story.outcome();
  REQUIRE(outcome.kind == OutcomeKind::boot_failure);
  REQUIRE(outcome.detail == "the kernel crashed before the agent was ready");
}

TEST_CASE("an agent that falls silent is looked for from outside; a CPU that spins is a verdict") {
  Story story;
  story.started().wait(milliseconds(2'000), false);
  REQUIRE(story.watch.take_look());
  REQUIRE_FALSE(story.watch.ended());
  story.watch.on_diagnosis(spinning(), story.now);
  const Outcome outcome = story.outcome();
  REQUIRE(outcome.kind == OutcomeKind::hang);
  REQUIRE(outcome.title() == "hung: hang in spin_here: no heartbeat for 2 s");
  REQUIRE(outcome.reports.size() == 1);
  REQUIRE(outcome.reports[0].frame == "spin_here");
  REQUIRE_FALSE(story.nmi);
}

TEST_CASE("a look that shows no hang is none; silence goes on to its limit") {
  Story story;
  story.started().wait(milliseconds(2'000), false);
  REQUIRE(story.watch.take_look());
  story.watch.on_diagnosis(HangDiagnosis{HangKind::idle, "all idle", "", {}}, story.now);
  story.wait(milliseconds(500), false);
  REQUIRE_FALSE(story.watch.take_look());
  story.wait(milliseconds(20'000), false);
  REQUIRE(story.nmi);
  REQUIRE(story.outcome().title() == "hung: no heartbeat for 5 s");
}

TEST_CASE("an agent that is back when the look is done goes on") {
  Story story;
  story.started().wait(milliseconds(2'000), false);
  REQUIRE(story.watch.take_look());
  story.wait(milliseconds(50)).watch.on_diagnosis(spinning(), story.now);
  REQUIRE_FALSE(story.watch.ended());
  story.done().wait(milliseconds(1'000));
  REQUIRE(story.outcome().kind == OutcomeKind::clean);
}

TEST_CASE("what a kernel says of a hang is preferred, and what was seen is added to it") {
  Story story;
  story.started().console(hung_task).wait(milliseconds(400));
  REQUIRE_FALSE(story.watch.ended());
  REQUIRE(story.watch.take_look());
  const bool seen = GENERATE(true, false);
  story.watch.on_diagnosis(seen ? std::optional(spinning()) : std::nullopt, story.now);
  const Outcome outcome = story.outcome();
  REQUIRE(outcome.kind == OutcomeKind::crash);
  REQUIRE(outcome.reports[0].title == "INFO: task hung in stop_device");
  REQUIRE((outcome.reports[0].text.find("spinning in spin_here") != std::string::npos) == seen);
}
