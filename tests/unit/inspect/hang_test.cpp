#include "harness/inspect/hang_verdict.hpp"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "harness/inspect/looks.hpp"
#include "harness/report/annotate.hpp"

namespace {

using harness::CpuLook;
using harness::HangKind;
using harness::NamedFrame;
using harness::SourceFrame;
using harness::StuckTask;
using harness::Task;

constexpr std::uint64_t worker = 0xffff888000001000;
constexpr std::uint64_t closer = 0xffff888000002000;
constexpr std::uint64_t third = 0xffff888000003000;

// names: inlined functions, then the one that holds the code.
NamedFrame frame(const std::vector<std::string>& names, std::uint64_t ip) {
  NamedFrame named;
  named.frame.ip = ip;
  named.place = names.back() + "+0x" + std::to_string(ip % 100) + "/0x200";
  for (const std::string& name : names)
    named.functions.push_back({name, "drivers/some.c", static_cast<int>(ip % 100), false});
  return named;
}

// Innermost first.
CpuLook busy(std::uint64_t task, std::vector<NamedFrame> stack) {
  CpuLook look;
  look.task = task;
  look.pid = 34;
  look.stack = std::move(stack);
  look.stack.front().frame.exact = true;
  look.code = "\x90\x90";
  return look;
}

CpuLook idle() {
  CpuLook look;
  look.pid = 0;
  look.halted = true;
  return look;
}

CpuLook user(std::uint64_t task) {
  CpuLook look;
  look.task = task;
  look.pid = 40;
  look.user = true;
  return look;
}

std::vector<NamedFrame> in(std::vector<NamedFrame> inner) {
  inner.push_back(frame({"handle_tx"}, 301));
  inner.push_back(frame({"vhost_worker"}, 401));
  inner.push_back(frame({"kthread"}, 501));
  return inner;
}

// A loop in iotlb_access_ok, inlined into its caller, that calls a function.
std::vector<harness::Look> spinning() {
  std::vector<harness::Look> looks;
  for (std::uint64_t i = 0; i < 8; ++i) {
    const NamedFrame loop = frame({"iotlb_access_ok", "translate"}, 210 + i % 2);
    looks.push_back({i % 2 == 0 ? busy(worker, in({loop}))
                                : busy(worker, in({frame({"interval_tree_first"}, 100 + i), loop})),
                     idle()});
  }
  return looks;
}

Task task_of(std::uint64_t address, const std::string& comm, int pid) {
  Task task;
  task.address = address;
  task.comm = comm;
  task.pid = pid;
  task.tgid = pid;
  task.state = 2;
  return task;
}

StuckTask stuck(std::uint64_t address, const std::string& comm, std::uint64_t owner) {
  StuckTask stuck;
  stuck.task = task_of(address, comm, static_cast<int>(address >> 12 & 0xff));
  stuck.stack = {frame({"context_switch", "__schedule"}, 10), frame({"schedule"}, 20),
                 frame({"__mutex_lock"}, 30), frame({comm + "_release"}, 40),
                 frame({"__fput"}, 50)};
  stuck.wait = harness::LockWait{harness::LockKind::mutex, 0xffff888000900000, owner, false, ""};
  stuck.lock = "&" + comm + "->mutex";
  return stuck;
}

harness::HangFacts facts(std::vector<harness::Look> looks) {
  harness::HangFacts facts;
  facts.looks = std::move(looks);
  facts.seconds = 0.6;
  facts.tasks = {task_of(worker, "vhost-33", 34), task_of(closer, "close", 33),
                 task_of(third, "third", 35)};
  return facts;
}

} // namespace

TEST_CASE("a loop is named by the innermost function that is always there, inlined ones too") {
  const auto spins = harness::find_spins(spinning());
  REQUIRE(spins.size() == 1);
  CHECK(spins[0].function == "iotlb_access_ok");
  CHECK(spins[0].frame == "iotlb_access_ok");
  CHECK(spins[0].under == "translate");
  CHECK(spins[0].source.line == 10);
  CHECK(spins[0].seen == 8);
  CHECK(spins[0].at.at("interval_tree_first") == 4);
  CHECK(!spins[0].interrupts_off);
  CHECK(spins[0].example.stack.front().functions.front().function == "iotlb_access_ok");
}

TEST_CASE("a task that spins and moves from CPU to CPU, and is preempted now and then") {
  auto looks = spinning();
  std::swap(looks[3][0], looks[3][1]);
  std::swap(looks[6][0], looks[6][1]);
  looks[5][0] = user(closer);
  const auto spins = harness::find_spins(looks);
  REQUIRE(spins.size() == 1);
  CHECK(spins[0].frame == "iotlb_access_ok");
  CHECK(spins[0].seen == 7);
  CHECK(spins[0].looks == 8);
}

TEST_CASE("a look whose stack could not be followed does not hide the loop") {
  auto looks = spinning();
  looks[5][0] = busy(worker, in({frame({"asm_sysvec_apic_timer_interrupt"}, 1)}));
  const auto spins = harness::find_spins(looks);
  REQUIRE(spins.size() == 1);
  CHECK(spins[0].frame == "iotlb_access_ok");
  looks[4][0] = looks[5][0]; // two of eight are more than a few
  CHECK(harness::find_spins(looks)[0].frame == "handle_tx");
}

TEST_CASE("who prints all the time comes after who loops") {
  auto looks = spinning();
  for (harness::Look& look : looks)
    look[1] = busy(third, {frame({"io_serial_out"}, 1), frame({"vprintk_emit"}, 2),
                           frame({"check_hung_task"}, 3)});
  looks[0][0] = idle();
  const auto spins = harness::find_spins(looks);
  REQUIRE(spins.size() == 2);
  CHECK(spins[0].frame == "iotlb_access_ok");
  CHECK(spins[1].frame == "io_serial_out");
}

TEST_CASE("a jump to itself, and a spinlock with interrupts off") {
  std::vector<harness::Look> looks;
  for (int i = 0; i < 6; ++i) {
    CpuLook look =
        busy(worker, in({frame({"native_queued_spin_lock_slowpath"}, 100),
                         frame({"_raw_spin_lock_irqsave"}, 150), frame({"my_driver_wait"}, 200)}));
    look.interrupts = false;
    looks.push_back({look});
  }
  const auto diagnosis = harness::judge_hang(facts(looks));
  CHECK(diagnosis.kind == HangKind::spinning);
  REQUIRE(diagnosis.report);
  CHECK(diagnosis.report->title == "hang in my_driver_wait");
  CHECK(diagnosis.summary.find("interrupts off") != std::string::npos);
  CHECK(diagnosis.summary.find("native_queued_spin_lock_slowpath") != std::string::npos);
}

TEST_CASE("what gets on does not spin") {
  std::vector<harness::Look> looks;
  SECTION("another system call each time") {
    for (std::uint64_t i = 0; i < 8; ++i)
      looks.push_back(
          {busy(worker, {frame({"sys_" + std::to_string(i)}, 100 + i),
                         frame({"do_syscall_64"}, 200 + i), frame({"entry_SYSCALL_64"}, 300)})});
  }
  SECTION("seen in user space between") {
    looks = spinning();
    looks[4][0] = user(worker);
  }
  SECTION("seen only sometimes") {
    looks = spinning();
    for (std::size_t i = 0; i < 4; ++i)
      looks[i][0] = idle();
  }
  SECTION("nothing was seen at all") { looks.resize(3); }
  CHECK(harness::find_spins(looks).empty());
  const auto diagnosis = harness::judge_hang(facts(looks));
  CHECK(!diagnosis.report);
}

TEST_CASE("the loop and who waits for its lock are one hang") {
  auto all = facts(spinning());
  all.blocked = {stuck(closer, "close", worker)};
  const auto diagnosis = harness::judge_hang(all);
  CHECK(diagnosis.kind == HangKind::spinning);
  REQUIRE(diagnosis.report);
  CHECK(diagnosis.report->title == "hang in iotlb_access_ok");
  CHECK(diagnosis.report->frame == "iotlb_access_ok");
  CHECK(diagnosis.report->type == "HANG");
  CHECK(diagnosis.report->text == diagnosis.text);
  CHECK(diagnosis.summary.find("spinning in iotlb_access_ok (drivers/some.c:10)") == 0);
  const std::string& text = diagnosis.text;
  CHECK(text.find("waits for mutex &close->mutex, held by vhost-33:34") != std::string::npos);
  CHECK(text.find("\nRIP: 0010:translate+0x10/0x200\n") != std::string::npos);
  CHECK(text.find("\n handle_tx+0x1/0x200\n") != std::string::npos);
  CHECK(text.find("CPU 1: idle 8 of 8 looks") != std::string::npos);
}

TEST_CASE("the report's lines are places that debug information is looked up for") {
  auto all = facts(spinning());
  all.blocked = {stuck(closer, "close", worker)};
  unsigned places = 0;
  harness::annotate(harness::judge_hang(all).text, [&](const harness::Place& place) {
    places += place.frame.function.empty() ? 0 : 1;
    return std::vector<SourceFrame>();
  });
  CHECK(places == 9);
}

TEST_CASE("tasks that wait for each other are a deadlock, blamed below the locks") {
  auto all = facts({{idle()}, {idle()}});
  all.blocked = {stuck(third, "third", closer), stuck(worker, "worker", closer),
                 stuck(closer, "close", worker)};
  const auto circle = harness::find_circle(all.blocked);
  REQUIRE(circle.size() == 2);
  CHECK(circle[0]->task.address == worker);
  const auto diagnosis = harness::judge_hang(all);
  CHECK(diagnosis.kind == HangKind::deadlock);
  REQUIRE(diagnosis.report);
  CHECK(diagnosis.report->title == "hang in worker_release");
  CHECK(
      diagnosis.summary ==
      "deadlock: worker:1 waits for &worker->mutex of close:2 waits for &close->mutex of worker:1");
  all.blocked = {stuck(worker, "worker", worker)}; // its own
  CHECK(harness::find_circle(all.blocked).size() == 1);
}

TEST_CASE("idle with a blocked task, and idle with none") {
  auto all = facts({{idle()}, {idle()}});
  all.blocked = {stuck(third, "kernel", 0), stuck(closer, "close", third)};
  all.blocked[0].task.kernel_thread = true;
  all.blocked[0].wait.reset();
  auto diagnosis = harness::judge_hang(all);
  CHECK(diagnosis.kind == HangKind::blocked);
  REQUIRE(diagnosis.report);
  CHECK(diagnosis.report->title == "hang in close_release");
  all.blocked.clear();
  all.sleeping = {stuck(third, "sleeper", 0)};
  diagnosis = harness::judge_hang(all);
  CHECK(diagnosis.kind == HangKind::idle);
  CHECK(!diagnosis.report);
  CHECK(diagnosis.text.find("sleeper_release") != std::string::npos);
}

TEST_CASE("a CPU that is halted for good, and a busy user space") {
  CpuLook halted = busy(worker, in({frame({"native_halt"}, 1), frame({"panic"}, 2)}));
  halted.halted = true;
  halted.interrupts = false;
  const auto stopped = harness::judge_hang(facts({{halted, idle()}, {halted, idle()}}));
  CHECK(stopped.kind == HangKind::stopped);
  CHECK(stopped.report);
  const auto one = harness::judge_hang(facts({{user(third)}, {user(third)}}));
  CHECK(one.kind == HangKind::user);
  CHECK(!one.report);
}

TEST_CASE("a CPU that the kernel has not started is not to blame") {
  CpuLook waiting;
  waiting.halted = true;
  waiting.interrupts = false;
  waiting.started = false;
  const auto none = harness::judge_hang(facts({{idle(), waiting}, {idle(), waiting}}));
  CHECK(none.kind == HangKind::idle);
  CHECK(none.text.find("CPU 1: not started yet 2 of 2 looks\n") != std::string::npos);
}

TEST_CASE("no looks, no tasks: no hang") {
  const auto diagnosis = harness::judge_hang({});
  CHECK(!diagnosis.report);
  CHECK(!diagnosis.text.empty());
}
