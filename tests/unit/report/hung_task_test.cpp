#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "harness/report/crash.hpp"
#include "harness/report/hung_task.hpp"
#include "tests/unit/report/golden.hpp"

using harness::Evidence;
using harness::HungTask;
using harness::read_hung_task;

namespace {

HungTask golden(const std::string& name, std::size_t index = 0) {
  std::string log = golden_log(name);
  auto reports = harness::parse_log(log);
  REQUIRE(reports.size() > index);
  auto hung = read_hung_task(reports[index].text, log);
  REQUIRE(hung);
  return *hung;
}

// A task "ring-a" that hangs in a lock function, and a list of locks.
std::string hung_in(const std::string& function, const std::string& list) {
  return "INFO: task ring-a:501 blocked for more than 122 seconds.\n"
         "      Not tainted 5.19.17 #2\n"
         "task:ring-a          state:D stack:    0 pid:  501 ppid:   400 flags:0x00004000\n"
         "Call Trace:\n"
         " <TASK>\n"
         " __schedule+0x33e/0x9f0\n"
         " schedule+0x4e/0xb0\n"
         " " +
         function +
         "+0x23b/0x680\n"
         " ring_attach+0x2e/0xa0\n"
         " </TASK>\n"
         "\n"
         "Showing all locks held in the system:\n" +
         list + "\n=============================================\n";
}

HungTask read(const std::string& text) {
  auto hung = read_hung_task(text);
  REQUIRE(hung);
  return *hung;
}

} // namespace

TEST_CASE("hung task: the holder runs, so its locks are not shown") {
  HungTask hung = golden("v6.1-hung-task-captured");
  CHECK(hung.task.name == "init");
  CHECK(hung.task.pid == 32);
  CHECK(hung.seconds == 3);
  CHECK(hung.kernel == "6.1.192");
  CHECK(hung.stack.state == 'D');
  REQUIRE(hung.stack.frames.size() == 14);
  CHECK(hung.stack.frames[5].function == "vhost_net_stop_vq");
  CHECK(hung.locks_shown);
  CHECK_FALSE(hung.blocker);
  CHECK(hung.waits_in == "__mutex_lock");
  REQUIRE(hung.waits_for);
  CHECK(hung.waits_for->address == "ffff888000954c70");
  CHECK(hung.waits_for->lock_class.name == "&vq->mutex");
  REQUIRE(hung.holders.size() == 1);
  CHECK(hung.holders[0].task.name == "vhost-32");
  CHECK(hung.holders[0].evidence == Evidence::hidden);
  CHECK_FALSE(hung.holders[0].same_instance);
  CHECK(hung.holders[0].entered.empty());
}

TEST_CASE("hung task: one other task entered the lock") {
  HungTask hung = golden("v4.19-hung-task-vhost-stop");
  CHECK(hung.task.name == "vhost-run");
  CHECK(hung.seconds == 120);
  CHECK(hung.stack.state == 'D'); // of a line in columns
  REQUIRE(hung.holders.size() == 1);
  CHECK(hung.holders[0].task.pid == 3023);
  CHECK(hung.holders[0].evidence == Evidence::only_one);
  CHECK(hung.holders[0].same_instance);
  REQUIRE(hung.holders[0].entered.size() == 1);
  CHECK(hung.holders[0].entered[0].at[0].function == "handle_rx");
}

TEST_CASE("hung task: a wait that is for no lock") {
  HungTask hung = golden("v6.6-hung-task-flush");
  CHECK(hung.task.name == "kworker/u4:2");
  CHECK(hung.task.pid == 57);
  CHECK(hung.kernel == "6.6.30");
  CHECK(hung.stack.workqueue == "events_unbound ring_drain_work");
  CHECK(hung.waits_in.empty());
  CHECK_FALSE(hung.waits_for);
  CHECK(hung.holders.empty());
  CHECK_FALSE(hung.locks_shown);
}

TEST_CASE("hung task: the kernel names the owner") {
  HungTask hung = golden("v6.17-hung-task-mutex-owner");
  CHECK(hung.task.name == "ring:open");
  CHECK(hung.task.pid == 415);
  REQUIRE(hung.blocker);
  CHECK(hung.blocker->kind == "mutex");
  REQUIRE(hung.blocker->owner);
  CHECK(hung.blocker->owner->name == "ring:scan");
  REQUIRE(hung.waits_for);
  CHECK(hung.waits_for->lock_class.name == "&ring->open_mutex");
  REQUIRE(hung.entered.size() == 2);
  CHECK(hung.entered[0].lock_class.name == "sb_writers#3");
  REQUIRE(hung.holders.size() == 1);
  CHECK(hung.holders[0].task.pid == 414);
  CHECK(hung.holders[0].evidence == Evidence::named);
  CHECK(hung.holders[0].entered.size() == 2);
  CHECK(hung.holders[0].stack.state == 'S');
  REQUIRE(hung.holders[0].stack.frames.size() == 9);
  CHECK(hung.holders[0].stack.frames[3].function == "ring_scan_wait");
}

TEST_CASE("hung task: the rest of the log tells the holder from those that wait") {
  std::string log = golden_log("v5.19-hung-task-three-waiters");
  auto reports = harness::parse_log(log);
  REQUIRE(reports.size() == 3);
  auto alone = read_hung_task(reports[0].text);
  REQUIRE(alone);
  CHECK_FALSE(alone->locks_shown);
  CHECK(alone->waits_in == "rwsem_down_write_slowpath");
  CHECK_FALSE(alone->waits_for);
  CHECK(alone->holders.empty());

  HungTask first = golden("v5.19-hung-task-three-waiters", 0);
  CHECK(first.task.pid == 501);
  REQUIRE(first.waits_for);
  CHECK(first.waits_for->lock_class.subclass == 1);
  REQUIRE(first.holders.size() == 1);
  CHECK(first.holders[0].task.pid == 503);
  CHECK(first.holders[0].evidence == Evidence::not_waiting);
  CHECK(first.holders[0].hung);
  CHECK(first.holders[0].stack.frames[4].function == "ring_detach");
  REQUIRE(first.waiters.size() == 1); // not ring-d: another instance
  CHECK(first.waiters[0].pid == 502);
  CHECK(first.others.size() == 2);

  HungTask third = golden("v5.19-hung-task-three-waiters", 2);
  CHECK(third.task.pid == 503);
  CHECK(third.waits_in.empty());
  CHECK(third.entered.size() == 1);
  CHECK(third.others.size() == 2);
  CHECK(third.holders.empty());
}

TEST_CASE("hung task: two tasks that wait for each other") {
  HungTask first = golden("v6.9-hung-task-abba", 0);
  REQUIRE(first.holders.size() == 1);
  CHECK(first.holders[0].task.name == "ring-out");
  CHECK(first.holders[0].evidence == Evidence::took_more);
  CHECK(first.holders[0].hung);
  CHECK(first.holders[0].deadlock);
  HungTask second = golden("v6.9-hung-task-abba", 1);
  CHECK(second.task.name == "ring-out");
  REQUIRE(second.holders.size() == 1);
  CHECK(second.holders[0].task == first.task);
  CHECK(second.holders[0].deadlock);
  CHECK_FALSE(golden("v5.19-hung-task-three-waiters").holders.front().deadlock);
}

TEST_CASE("hung task: evidence from the list of locks") {
  std::string self = "1 lock held by ring-a/501:\n"
                     " #0: ffff8880061400c8 (&ring->sem){++++}-{3:3}, at: ring_attach+0x2e/0xa0\n";
  std::string other = "2 locks held by ring-b/502:\n"
                      " #0: ffff8880061400c8 (&ring->sem){++++}-{3:3}, at: ring_b+0x2e/0xa0\n"
                      " #1: ffff8880061400f8 (&ring->map){++++}-{3:3}, at: ring_b+0x4e/0xa0\n";
  std::string last = "1 lock held by ring-c/503:\n"
                     " #0: ffff8880061400c8 (&ring->sem){++++}-{3:3}, at: ring_c+0x2e/0xa0\n";
  std::string hidden = "1 lock held by ring-d/504:\n";

  HungTask sure = read(hung_in("rwsem_down_read_slowpath", last + hidden + self + other));
  REQUIRE(sure.holders.size() == 1);
  CHECK(sure.holders[0].task.pid == 502);
  CHECK(sure.holders[0].evidence == Evidence::took_more);
  CHECK(sure.holders[0].same_instance);
  REQUIRE(sure.waiters.size() == 1);
  CHECK(sure.waiters[0].pid == 503);

  HungTask open = read(hung_in("__mutex_lock", self + last + "1 lock held by ring-e/505:\n" +
                                                   last.substr(last.find('\n') + 1)));
  REQUIRE(open.holders.size() == 2);
  CHECK(open.holders[0].evidence == Evidence::one_of);
  CHECK(open.holders[1].task.pid == 505);

  HungTask none = read(hung_in("__mutex_lock", self));
  CHECK(none.waits_for);
  CHECK(none.holders.empty());

  HungTask twice = read(hung_in("__mutex_lock", self + self.substr(self.find('\n') + 1)));
  REQUIRE(twice.holders.size() == 1);
  CHECK(twice.holders[0].task == twice.task);
  CHECK(twice.holders[0].evidence == Evidence::took_more);
}

TEST_CASE("hung task: stale words tell where no frame is sure") {
  std::string lock = " #0: ffff8880061400c8 (&ring->sem){++++}-{3:3}, at: ring_attach+0x2e/0xa0\n";
  std::string text = hung_in("__mutex_lock", "1 lock held by ring-a/501:\n" + lock +
                                                 "1 lock held by ring-c/503:\n" + lock);
  for (std::size_t at = text.find("+0x"); at != std::string::npos; at = text.find("+0x", at + 6))
    if (std::size_t word = text.rfind('\n', at) + 2; text[word - 1] == ' ' && text[word] != '#')
      text.insert(word, "? ");
  HungTask hung = read(text);
  CHECK(hung.stack.frames.empty());
  REQUIRE(hung.stack.stale.size() == 4);
  CHECK(hung.stack.stale[3].function == "ring_attach");
  CHECK(hung.waits_in == "__mutex_lock");
  REQUIRE(hung.holders.size() == 1);
  CHECK(hung.holders[0].evidence == Evidence::only_one);
}

TEST_CASE("hung task: without addresses only the class is known") {
  auto list = [](const std::string& name) {
    return "1 lock held by ring-a/501:\n #0:  (" + name +
           "){+.+...}, at: [<ffffffff81234567>] ring_attach+0x2e/0xa0\n"
           "2 locks held by ring-b/502:\n #0:  (" +
           name +
           "){+.+...}, at: [<ffffffff81234777>] ring_b+0x2e/0xa0\n"
           " #1:  (b){+.+...}, at: [<ffffffff81234888>] ring_b+0x5e/0xa0\n";
  };
  HungTask member = read(hung_in("mutex_lock_nested", list("&ring->lock")));
  REQUIRE(member.holders.size() == 1);
  CHECK_FALSE(member.holders[0].same_instance);
  HungTask single = read(hung_in("mutex_lock_nested", list("rtnl_mutex")));
  REQUIRE(single.holders.size() == 1);
  CHECK(single.holders[0].same_instance);
}

TEST_CASE("hung task: what the kernel says of semaphores") {
  const std::string head = "INFO: task a b:7 blocked in I/O wait for more than 61 seconds.\n";
  HungTask last =
      read(head + "INFO: task a b:7 blocked on a semaphore likely last held by task c:8\n");
  CHECK(last.task.name == "a b");
  CHECK(last.seconds == 61);
  REQUIRE(last.blocker);
  CHECK(last.blocker->kind == "semaphore");
  REQUIRE(last.blocker->owner);
  CHECK(last.blocker->owner->pid == 8);
  REQUIRE(last.holders.size() == 1);
  CHECK(last.holders[0].stack.frames.empty());

  HungTask writer = read(head + "INFO: task a b:7 <writer> blocked on an rw-semaphore likely owned "
                                "by task c:d:9 <reader>\n");
  REQUIRE(writer.blocker);
  CHECK(writer.blocker->kind == "rw-semaphore");
  REQUIRE(writer.blocker->owner);
  CHECK(writer.blocker->owner->name == "c:d");

  HungTask lost =
      read(head + "INFO: task a b:7 is blocked on a mutex, but the owner is not found.\n");
  REQUIRE(lost.blocker);
  CHECK(lost.blocker->kind == "mutex");
  CHECK_FALSE(lost.blocker->owner);
  CHECK(lost.holders.empty());

  HungTask foreign =
      read(head + "INFO: task z:1 is blocked on a mutex likely owned by task c:8.\n");
  CHECK_FALSE(foreign.blocker);
}

TEST_CASE("hung task: stacks in columns and on a CPU") {
  auto columns = harness::read_stack_heading("ring worker     D28888 12345   7000 0x00004004");
  REQUIRE(columns);
  CHECK(columns->task.name == "ring worker");
  CHECK(columns->task.pid == 12345);
  CHECK(columns->state == 'D');
  auto pointer =
      harness::read_stack_heading("ring            S ffffffff83e27d60 28152  2986      1 "
                                  "0x00000002");
  REQUIRE(pointer);
  CHECK(pointer->task.pid == 2986);
  auto cpu =
      harness::read_stack_heading("CPU: 1 UID: 0 PID: 33 Comm: vhost-32 Not tainted 6.12 #1");
  REQUIRE(cpu);
  CHECK(cpu->task.name == "vhost-32");
  CHECK(cpu->task.pid == 33);
  CHECK(cpu->state == 'R');
  CHECK_FALSE(harness::read_stack_heading(" schedule+0x4e/0xb0"));
  CHECK_FALSE(harness::read_stack_heading("task:ring without a state"));
}

TEST_CASE("hung task: lines of other contexts do not count") {
  std::string log = "[    5.000001][   T24] INFO: task a:7 blocked for more than 3 seconds.\n"
                    "[    5.000002][    T9] task:b               state:D stack:0 pid:9 ppid:1\n"
                    "[    5.000003][    T9]  mutex_lock+0x1/0x2\n"
                    "[    5.000004][   T24] task:a               state:D stack:0 pid:7 ppid:1\n"
                    "[    5.000005][   T24]  schedule+0x1/0x2\n"
                    "[    5.000006][    T9]  ring_b+0x1/0x2\n"
                    "[    5.000007][   T24]  ring_a+0x1/0x2\n";
  HungTask hung = read(log);
  REQUIRE(hung.stack.frames.size() == 2);
  CHECK(hung.stack.frames[1].function == "ring_a");
}

TEST_CASE("hung task: other reports and cut ones") {
  CHECK_FALSE(read_hung_task(""));
  CHECK_FALSE(read_hung_task("INFO: rcu_sched self-detected stall on CPU\n"));
  CHECK_FALSE(read_hung_task("INFO: task a:7 is blocked on a mutex likely owned by task b:8.\n"));
  CHECK_FALSE(read_hung_task("INFO: task nobody blocked for more than 3 seconds.\n"));
  for (const char* name : {"v6.17-hung-task-mutex-owner", "v4.19-hung-task-vhost-stop"}) {
    std::string log = golden_log(name);
    for (std::size_t size = log.find('\n') + 1; size < log.size(); ++size) {
      auto cut = read_hung_task(log.substr(0, size));
      REQUIRE(cut);
      REQUIRE(cut->holders.size() <= 1);
    }
  }
}

TEST_CASE("hung task: many tasks and one stack are bounded") {
  std::string list = "1 lock held by ring-a/501:\n"
                     " #0: ffff8880061400c8 (&ring->sem){++++}-{3:3}, at: ring_attach+0x2e/0xa0\n";
  for (int pid = 1000; pid < 90000; ++pid)
    list += "1 lock held by x/" + std::to_string(pid) +
            ":\n #0: ffff8880061400c8 (&ring->sem){++++}-{3:3}, at: ring_c+0x2e/0xa0\n";
  HungTask hung = read(hung_in("__mutex_lock", list));
  CHECK(hung.holders.size() > 30000);
  CHECK(hung.holders.size() < 33000);
}
