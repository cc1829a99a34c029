#include "harness/inspect/tasks.hpp"

#include <catch2/catch.hpp>

#include "harness/inspect/lock_owner.hpp"
#include "tests/unit/inspect/kernel_by_hand.hpp"

TEST_CASE("tasks and their threads are listed") {
  KernelByHand kernel;
  const auto first = kernel.add_task("swapper/0", 0, 0);
  const auto second = kernel.add_task("init", 1, 1);
  const auto third = kernel.add_task("worker\x1b[2J", 70, 2);
  kernel.link_tasks({first, second, third});
  const auto thread = kernel.add_task("thread", 71, 1);
  kernel.link_threads(third, {thread});
  const auto tasks = harness::read_tasks(kernel.layout, kernel.read, first);
  REQUIRE(tasks.size() == 4);
  CHECK(tasks[1].comm == "init");
  CHECK(tasks[1].pid == 1);
  CHECK(tasks[2].comm.find('\x1b') == std::string::npos);
  CHECK(harness::state_letter(tasks[2]) == 'D');
  CHECK(harness::state_letter(tasks[1]) == 'S');
  CHECK(tasks[3].pid == 71);
}

TEST_CASE("task lists that lie end") {
  KernelByHand kernel;
  const auto first = kernel.add_task("a", 0, 0);
  const auto second = kernel.add_task("b", 1, 1);
  kernel.link_tasks({first, second});
  SECTION("a circle without the start") {
    kernel.put(second + kernel.layout.tasks, second + kernel.layout.tasks);
    CHECK(harness::read_tasks(kernel.layout, kernel.read, first).size() == 2);
  }
  SECTION("into nothing") {
    kernel.put(second + kernel.layout.tasks, 0x10);
    CHECK(harness::read_tasks(kernel.layout, kernel.read, first).size() == 2);
  }
  SECTION("threads in a circle without the head") {
    const auto thread = kernel.add_task("t", 2, 1);
    kernel.link_threads(second, {thread});
    kernel.put(thread + kernel.layout.thread_node, thread + kernel.layout.thread_node);
    CHECK(harness::read_tasks(kernel.layout, kernel.read, first).size() == 3);
  }
  SECTION("a leader that follows itself") {
    kernel.put(second + kernel.layout.thread_node, second + kernel.layout.thread_node);
    CHECK(harness::read_tasks(kernel.layout, kernel.read, first).size() == 2);
    CHECK(kernel.memory.reads < 100);
  }
  CHECK(harness::read_tasks(kernel.layout, kernel.read, 0).empty());
  CHECK(!harness::read_task(kernel.layout, kernel.read, first + 1));
}

TEST_CASE("where a sleeping task goes on") {
  KernelByHand kernel;
  const auto address = kernel.add_task("sleeper", 7, 2);
  const auto task = *harness::read_task(kernel.layout, kernel.read, address);
  kernel.put(task.sp + 40, 0xffff888000001111);
  kernel.put(task.sp + 48, 0xffffffff81000123);
  const auto frame = harness::sleeping_frame(kernel.layout, task, kernel.read);
  CHECK(frame.ip == 0xffffffff81000123);
  CHECK(frame.general[harness::rbp] == 0xffff888000001111);
  CHECK(frame.general[harness::rsp] == task.sp + 56);
  kernel.layout.inactive.reset(); // v4.8: only RBP, of __schedule's frame
  kernel.put(task.sp, task.sp + 64);
  kernel.put(task.sp + 64, task.sp + 128);
  kernel.put(task.sp + 72, 0xffffffff81000456);
  const auto old = harness::sleeping_frame(kernel.layout, task, kernel.read);
  CHECK(old.ip == 0xffffffff81000456);
  CHECK(old.general[harness::rbp] == task.sp + 128);
}

namespace {

using Lock = harness::LockLayout;

constexpr std::uint64_t mutex_at = 0xffff888000900000;

struct Waiters {
  KernelByHand kernel;
  Lock layout = Lock{harness::LockKind::mutex, 0, 16, 0, 8, false, std::nullopt};
  std::uint64_t owner = kernel.add_task("owner", 5, 0);
  std::uint64_t one = kernel.add_task("one", 6, 2);
  std::uint64_t two = kernel.add_task("two", 7, 2);

  std::vector<harness::Task> tasks() const {
    std::vector<harness::Task> all;
    for (const auto address : {owner, one, two})
      all.push_back(*harness::read_task(kernel.layout, kernel.read, address));
    return all;
  }
  // A waiter so many bytes above where the task sleeps.
  std::uint64_t waiter(std::uint64_t task, std::uint64_t offset) {
    const std::uint64_t at = harness::read_task(kernel.layout, kernel.read, task)->sp + offset;
    kernel.put(at + layout.task, task);
    return at;
  }
  void ring(const std::vector<std::uint64_t>& nodes) {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const std::uint64_t next = nodes[(i + 1) % nodes.size()];
      kernel.put(nodes[i], next);
      kernel.put(next + 8, nodes[i]);
    }
  }
  std::optional<harness::LockWait> find(std::size_t index) const {
    const auto all = tasks();
    return harness::find_lock_wait(layout, kernel.read, all[index], harness::TaskIndex(all));
  }
};

} // namespace

TEST_CASE("a mutex and its owner are found by the waiters on their stacks") {
  Waiters waiters;
  const auto first = waiters.waiter(waiters.one, 0x80);
  const auto second = waiters.waiter(waiters.two, 0x1200);
  waiters.ring({mutex_at + 8, first, second});
  waiters.kernel.put(mutex_at, waiters.owner | 1);
  for (const std::size_t index : {1, 2}) {
    const auto wait = waiters.find(index);
    REQUIRE(wait);
    CHECK(wait->lock == mutex_at);
    CHECK(wait->owner == waiters.owner);
    CHECK(!wait->readers);
  }
  CHECK(!waiters.find(0));
}

TEST_CASE("a lock's name is the one it was initialized with") {
  Waiters waiters;
  waiters.layout.name = 32;
  waiters.ring({mutex_at + 8, waiters.waiter(waiters.one, 0x80)});
  waiters.kernel.put(mutex_at, waiters.owner);
  waiters.kernel.put(mutex_at + 32, mutex_at + 0x100);
  const std::string name = "&vq->mutex";
  waiters.kernel.memory.write(
      mutex_at + 0x100,
      std::span(reinterpret_cast<const std::uint8_t*>(name.c_str()), name.size() + 1));
  CHECK(waiters.find(1)->name == name);
  waiters.kernel.put(mutex_at + 32, 0x10);
  CHECK(waiters.find(1)->name.empty());
}

TEST_CASE("what only looks like a waiter is none") {
  Waiters waiters;
  const auto node = waiters.waiter(waiters.one, 0x80);
  CHECK(!waiters.find(1)); // linked to nothing
  waiters.ring({mutex_at + 8, node});
  waiters.kernel.put(mutex_at, 0xffff888000abc000); // owned by what is no task
  CHECK(!waiters.find(1));
  waiters.kernel.put(mutex_at, 0); // by none
  REQUIRE(waiters.find(1));
  CHECK(waiters.find(1)->owner == 0);
  waiters.kernel.put(node, node + 0x400); // next does not point back
  CHECK(!waiters.find(1));
  waiters.ring({node}); // a ring of waiters without a lock
  CHECK(!waiters.find(1));
}

TEST_CASE("a lock that points at its first waiter") {
  Waiters waiters;
  waiters.layout.first_waiter = true;
  const auto first = waiters.waiter(waiters.one, 0x80);
  const auto second = waiters.waiter(waiters.two, 0x80);
  waiters.ring({first, second});
  waiters.kernel.put(mutex_at, waiters.owner);
  waiters.kernel.put(mutex_at + 8, first);
  CHECK(!waiters.find(2)); // its address is not on the stack
  waiters.kernel.put(second + 0x40, mutex_at);
  REQUIRE(waiters.find(2));
  CHECK(waiters.find(2)->lock == mutex_at);
}

TEST_CASE("the last reader of an rwsem, who may have gone") {
  Waiters waiters;
  waiters.layout.kind = harness::LockKind::rwsem;
  waiters.ring({mutex_at + 8, waiters.waiter(waiters.one, 0x80)});
  waiters.kernel.put(mutex_at, waiters.owner | 1);
  REQUIRE(waiters.find(1));
  CHECK(waiters.find(1)->readers);
  CHECK(waiters.find(1)->owner == waiters.owner);
  waiters.kernel.put(mutex_at, 0xffff888000abc001);
  REQUIRE(waiters.find(1));
  CHECK(waiters.find(1)->owner == 0);
}

TEST_CASE("what a stack waits for") {
  using harness::LockKind;
  const auto kind = [](std::vector<std::string> names) { return harness::lock_kind(names); };
  CHECK(kind({"__schedule", "schedule", "__mutex_lock"}) == LockKind::mutex);
  CHECK(kind({"schedule", "mutex_lock_nested"}) == LockKind::mutex);
  CHECK(kind({"schedule", "rwsem_down_write_slowpath", "down_write"}) == LockKind::rwsem);
  CHECK(!kind({"schedule", "wait_for_completion"}));
  CHECK(!kind({}));
}
