#include <filesystem>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "harness/report/crash.hpp"
#include "harness/report/lockdep.hpp"
#include "tests/unit/report/golden.hpp"

using harness::CodeStack;
using harness::LockdepKind;
using harness::LockdepReport;
using harness::read_lockdep;

namespace {

// The first report of a golden log, as the parser cuts it out.
std::string report_text(const std::string& name) {
  auto reports = harness::parse_log(golden_log(name));
  return reports.empty() ? "" : reports.front().text;
}

LockdepReport golden(const std::string& name) {
  auto report = read_lockdep(report_text(name));
  REQUIRE(report);
  return *report;
}

std::vector<std::string> functions(const CodeStack& stack) {
  std::vector<std::string> names;
  for (const auto& place : stack)
    names.push_back(place.function);
  return names;
}

using Names = std::vector<std::string>;

} // namespace

TEST_CASE("lockdep: a circle of two locks") {
  LockdepReport report = golden("v4.15-lockdep-circular-vsock");
  CHECK(report.kind == LockdepKind::circular);
  CHECK(report.headline == "possible circular locking dependency detected");
  CHECK(report.kernel == "4.15.0");
  CHECK(report.task.name == "probe");
  CHECK(report.task.pid == 811);
  REQUIRE(report.wanted);
  CHECK(report.wanted->lock_class.name == "vhost_vsock_mutex");
  CHECK(report.wanted->lock_class.usage == "+.+.");
  CHECK(report.wanted->lock_class.wait.empty());
  CHECK(report.wanted->address.empty());
  REQUIRE(report.wanted->at.size() == 1);
  CHECK(report.wanted->at[0].function == "vhost_vsock_dev_ioctl");
  CHECK(report.wanted->at[0].offset == 0x11f);
  CHECK(report.wanted->at[0].file.empty());
  REQUIRE(report.holding);
  CHECK(report.holding->lock_class.name == "&dev->mutex#2");
  CHECK(report.holding->lock_class.subclass == 0);

  REQUIRE(report.chain.size() == 2);
  CHECK(report.chain[0].number == 1);
  CHECK(report.chain[0].lock.name == "&dev->mutex#2");
  REQUIRE(report.chain[0].stacks.size() == 1);
  CHECK(functions(report.chain[0].stacks[0].frames) ==
        Names{"__mutex_lock", "mutex_lock_nested", "vhost_vsock_reset_orphans", "SyS_ioctl",
              "entry_SYSCALL_64_fastpath"});
  CHECK(report.chain[1].number == 0);
  CHECK(report.chain[1].lock.name == "vhost_vsock_mutex");
  CHECK(report.chain[1].stacks[0].frames.size() == 6);

  REQUIRE(report.scenario.size() == 4);
  CHECK(report.scenario[0][0] == "lock(&dev->mutex#2);");
  CHECK(report.scenario[0][1].empty());
  CHECK(report.scenario[1][0].empty());
  CHECK(report.scenario[1][1] == "lock(vhost_vsock_mutex);");
  CHECK(report.scenario[3][0] == "lock(vhost_vsock_mutex);");

  REQUIRE(report.held.size() == 1);
  CHECK(report.held[0].task == report.task);
  CHECK(report.held[0].count == 1);
  REQUIRE(report.held[0].locks.size() == 1);
  CHECK(report.held[0].locks[0].lock_class.name == "&dev->mutex#2");
  CHECK(report.backtrace.size() == 9);
  CHECK(report.backtrace.front().function == "dump_stack");
}

TEST_CASE("lockdep: addresses in brackets and a subclass, v4.7") {
  LockdepReport report = golden("v4.7-lockdep-circular-addresses");
  REQUIRE(report.holding);
  CHECK(report.holding->lock_class.name == "&ring->map_lock/1");
  CHECK(report.holding->lock_class.subclass == 1);
  CHECK(report.holding->lock_class.usage == "+.+...");
  REQUIRE(report.holding->at.size() == 1);
  CHECK(report.holding->at[0].function == "ring_map");
  REQUIRE(report.chain.size() == 2);
  CHECK(report.chain[0].lock.subclass == 1);
  CHECK(report.chain[0].stacks[0].frames.size() == 7);
  CHECK(report.chain[1].stacks[0].frames[3].function == "ring_resize");
  REQUIRE(report.held.size() == 1);
  REQUIRE(report.held[0].locks.size() == 2);
  CHECK(report.held[0].locks[0].lock_class.usage == "++++++");
  // Without the stale "? ring_resize" and the words of the stack.
  CHECK(report.backtrace.size() == 9);
}

TEST_CASE("lockdep: a chain of three with files and inlined functions, v6.12") {
  LockdepReport report = golden("v6.12-lockdep-circular-symbolized");
  CHECK(report.kernel == "6.12.9");
  REQUIRE(report.wanted);
  CHECK(report.wanted->address == "ffff888006b2d0a8");
  CHECK(report.wanted->lock_class.name == "&ring->queue(io)#3");
  CHECK(report.wanted->lock_class.wait == "0:0");
  REQUIRE(report.wanted->at.size() == 2);
  CHECK(report.wanted->at[0].function == "ring_enter");
  CHECK(report.wanted->at[0].inlined);
  CHECK(report.wanted->at[0].file == "drivers/ring/ring.h");
  CHECK(report.wanted->at[0].line == 61);
  CHECK_FALSE(report.wanted->at[1].inlined);
  CHECK(report.wanted->at[1].line == 44);
  REQUIRE(report.holding);
  CHECK(report.holding->lock_class.wait == "4:4");
  CHECK(report.chain_of == Names{"&ring->queue(io)#3", "&ring->open_mutex/1", "ring_list_lock"});
  REQUIRE(report.chain.size() == 3);
  CHECK(report.chain[0].number == 2);
  const CodeStack& middle = report.chain[1].stacks[0].frames;
  CHECK(functions(middle) == Names{"__mutex_lock_common", "__mutex_lock", "ring_reopen",
                                   "ring_submit", "ring_write_iter", "vfs_write"});
  CHECK(middle[2].inlined);
  CHECK(middle[4].module == "ring");
  CHECK(middle[4].file == "drivers/ring/file.c");
  CHECK(middle[4].line == 161);
  CHECK(report.chain[2].stacks[0].frames.back().file.empty());
  CHECK(report.scenario.back()[0] == "rlock(&ring->queue(io)#3);");
  REQUIRE(report.held.size() == 1);
  CHECK(report.held[0].locks.size() == 2);
  CHECK(report.backtrace.back().function == "entry_SYSCALL_64_after_hwframe");
}

TEST_CASE("lockdep: an interrupt-unsafe lock under an interrupt-safe one") {
  LockdepReport report = golden("v6.6-lockdep-irq-order-dependencies");
  CHECK(report.kind == LockdepKind::irq_order);
  CHECK(report.task.name == "ring");
  REQUIRE(report.related.size() == 2);
  CHECK(report.related[0].says == "but this new dependency connects a SOFTIRQ-irq-safe lock:");
  CHECK(report.related[0].lock.name == "&ring->fast_lock");
  CHECK(functions(report.related[0].stack) ==
        Names{"lock_acquire", "_raw_spin_lock", "ring_timer", "call_timer_fn"});
  CHECK(report.related[1].lock.name == "&ring->slow_lock");
  CHECK(report.related[1].stack.size() == 4);
  REQUIRE(report.scenario.size() == 6);
  CHECK(report.scenario[1][1] == "local_irq_disable();");
  CHECK(report.scenario[4][0] == "<Interrupt>");
  CHECK(report.scenario[5][0] == "  lock(&ring->fast_lock);");

  REQUIRE(report.dependencies.size() == 2);
  REQUIRE(report.dependencies[0].locks.size() == 1);
  const auto& fast = report.dependencies[0].locks[0];
  CHECK(fast.lock.name == "&ring->fast_lock");
  REQUIRE(fast.stacks.size() == 2);
  CHECK(fast.stacks[0].label == "HARDIRQ-ON-W");
  CHECK(fast.stacks[1].label == "IN-SOFTIRQ-W");
  CHECK(functions(fast.stacks[1].frames) == Names{"lock_acquire", "_raw_spin_lock", "ring_timer"});
  CHECK(report.dependencies[1].says == "the dependencies between the lock to be acquired and "
                                       "SOFTIRQ-irq-unsafe lock:");
  REQUIRE(report.dependencies[1].locks.size() == 1);
  CHECK(report.dependencies[1].locks[0].stacks.back().label == "acquired");
  CHECK(report.dependencies[1].locks[0].stacks.back().frames.back().function == "ring_kick");
  CHECK(report.backtrace.size() == 10);
}

TEST_CASE("lockdep: the other kinds") {
  struct Row {
    std::string log;
    LockdepKind kind;
    std::string wanted, at, holding;
    std::size_t held;
  };
  const Row rows[] = {
      {"v4.8.15-lockdep-recursive-captured", LockdepKind::recursive, "&vq->mutex",
       "vhost_process_iotlb_msg", "&vq->mutex", 1},
      {"v6.1-lockdep-recursive-captured", LockdepKind::recursive, "&vq->mutex",
       "vhost_process_iotlb_msg", "&vq->mutex", 2},
      {"v6.1-lockdep-irq-inversion", LockdepKind::irq_inversion, "&ring->stats_lock",
       "ring_stats_update", "", 0},
      {"v6.1-lockdep-irq-order", LockdepKind::irq_order, "&ring->slow_lock", "ring_kick",
       "&ring->fast_lock", 0},
      {"v6.1-lockdep-inconsistent-state", LockdepKind::inconsistent_state, "&ring->fast_lock",
       "ring_poll", "", 0},
      {"v6.1-lockdep-bad-unlock", LockdepKind::bad_unlock, "&vq->mutex", "vhost_vq_release", "", 0},
      {"v5.10-lockdep-bad-contention", LockdepKind::bad_contention, "&(&ring->wait_lock)->rlock",
       "ring_wait", "", 0},
      {"v6.1-lockdep-held-lock-freed", LockdepKind::held_lock_freed, "&ring->fast_lock",
       "ring_release", "", 1},
      {"v6.1-lockdep-held-to-user", LockdepKind::held_to_user, "", "", "", 1},
      {"v4.20-lockdep-still-held", LockdepKind::still_held, "", "", "", 1},
      {"v5.15-lockdep-nested-not-taken", LockdepKind::nested_not_taken, "&ring->slot_lock#2",
       "ring_move", "", 1},
      {"v6.1-lockdep-wait-context", LockdepKind::wait_context, "&ring->slow_lock", "ring_kick", "",
       0},
      {"v6.1-lockdep-suspicious-rcu", LockdepKind::suspicious_rcu, "", "", "", 0},
  };
  for (const Row& row : rows) {
    INFO(row.log);
    LockdepReport report = golden(row.log);
    CHECK(report.kind == row.kind);
    CHECK_FALSE(report.task.name.empty());
    CHECK(report.task.pid != 0);
    CHECK((report.wanted ? report.wanted->lock_class.name : "") == row.wanted);
    if (report.wanted)
      CHECK(functions(report.wanted->at) == Names{row.at});
    CHECK((report.holding ? report.holding->lock_class.name : "") == row.holding);
    std::size_t held = 0;
    for (const auto& task : report.held)
      held += task.locks.size();
    CHECK(held == row.held);
    CHECK(report.backtrace.empty() == (row.kind == LockdepKind::held_to_user));
  }
}

TEST_CASE("lockdep: what single kinds say") {
  LockdepReport state = golden("v6.1-lockdep-inconsistent-state");
  CHECK(state.usage == "{IN-SOFTIRQ-W} -> {SOFTIRQ-ON-W}");
  REQUIRE(state.related.size() == 1);
  CHECK(state.related[0].lock.name.empty());
  CHECK(state.related[0].stack.back().function == "call_timer_fn");

  LockdepReport inversion = golden("v6.1-lockdep-irq-inversion");
  REQUIRE(inversion.related.size() == 1);
  CHECK(inversion.related[0].lock.name == "&ring->slow_lock");
  CHECK(inversion.related[0].says ==
        "but this lock took another, SOFTIRQ-unsafe lock in the past:");

  LockdepReport rcu = golden("v6.1-lockdep-suspicious-rcu");
  CHECK(rcu.rcu_file == "drivers/ring/table.c");
  CHECK(rcu.rcu_line == 88);
  CHECK(rcu.rcu_message == "suspicious rcu_dereference_check() usage!");
  REQUIRE(rcu.held.size() == 1);
  CHECK(rcu.held[0].count == 0);

  CHECK(golden("v6.1-lockdep-wait-context").context == "5:5");
  LockdepReport nested = golden("v5.15-lockdep-nested-not-taken");
  REQUIRE(nested.related.size() == 1);
  CHECK(nested.related[0].lock.name == "&ring->table_lock");
  CHECK(nested.backtrace.size() == 9);
}

TEST_CASE("lockdep: lines in pieces, v4.9") {
  auto report = read_lockdep("[ INFO: possible circular locking dependency detected ]\n"
                             "4.9.0 #1 Not tainted\n"
                             "-------------------------------------------------------\n"
                             "ring/7 is trying to acquire lock:\n"
                             " (\n&ring->lock\n){+.+...}\n, at: \n"
                             "[<ffffffff81234567>] ring_open+0x12/0x40\n"
                             "\nbut task is already holding lock:\n"
                             " (\nrtnl_mutex\n){+.+.+.}\n, at:\n"
                             "[<ffffffff81234999>] rtnl_lock+0x17/0x20\n"
                             "\nthe existing dependency chain (in reverse order) is:\n"
                             "\n-> #1\n (\nrtnl_mutex\n){+.+.+.}\n:\n"
                             "       [<ffffffff81234abc>] ring_down+0x3/0x9\n"
                             "\n-> #0\n (\n&ring->lock\n){+.+...}\n:\n"
                             "       [<ffffffff81234567>] ring_open+0x12/0x40\n"
                             " Possible unsafe locking scenario:\n"
                             "  lock(\nrtnl_mutex\n);\n"
                             "1 lock held by ring/7:\n #0: \n (\nrtnl_mutex\n){+.+.+.}\n, at: \n"
                             "[<ffffffff81234999>] rtnl_lock+0x17/0x20\n");
  REQUIRE(report);
  REQUIRE(report->wanted);
  CHECK(report->wanted->lock_class.name == "&ring->lock");
  CHECK(functions(report->wanted->at) == Names{"ring_open"});
  REQUIRE(report->holding);
  CHECK(functions(report->holding->at) == Names{"rtnl_lock"});
  REQUIRE(report->chain.size() == 2);
  CHECK(report->chain[0].number == 1);
  CHECK(report->chain[0].lock.name == "rtnl_mutex");
  CHECK(functions(report->chain[0].stacks[0].frames) == Names{"ring_down"});
  REQUIRE(report->scenario.size() == 1);
  CHECK(report->scenario[0][0] == "lock(rtnl_mutex);");
  REQUIRE(report->held.size() == 1);
  REQUIRE(report->held[0].locks.size() == 1);
  CHECK(report->held[0].locks[0].lock_class.name == "rtnl_mutex");
}

TEST_CASE("lockdep: old inlined places and interrupt events") {
  auto report = read_lockdep("[   12.000001] WARNING: inconsistent lock state\n"
                             "[   12.000002] 4.18.0 #3 Tainted: G        W\n"
                             "[   12.000003] --------------------------------\n"
                             "[   12.000004] inconsistent {HARDIRQ-ON-W} -> {IN-HARDIRQ-W} usage.\n"
                             "[   12.000005] my ring/a/9 [HC1[1]:SC0[0]:HE0:SE1] takes:\n"
                             "[   12.000006] (____ptrval____) (&ring->lock){?.+.}, at: "
                             "[<     inline     >] ring_in drivers/ring/a.c:5 [inline]\n"
                             "[   12.000007] (____ptrval____) (&ring->lock){?.+.}, at: "
                             "ring_irq+0x9/0x30 drivers/ring/a.c:9\n"
                             "[   12.000008] {HARDIRQ-ON-W} state was registered at:\n"
                             "[   12.000009]   ring_setup+0x1/0x2\n"
                             "[   12.000010] irq event stamp: 1234\n"
                             "[   12.000011] hardirqs last  enabled at (1231): "
                             "[<ffffffff81000001>] default_idle+0x1/0x2\n"
                             "[   12.000012] softirqs last disabled at (1234): irq_enter+0x5/0x6\n"
                             "[   12.000013] \n");
  REQUIRE(report);
  CHECK(report->kernel == "4.18.0");
  CHECK(report->task.name == "my ring/a");
  CHECK(report->task.pid == 9);
  REQUIRE(report->wanted);
  CHECK(report->wanted->address.empty());
  CHECK(report->wanted->lock_class.name == "&ring->lock");
  CHECK(functions(report->wanted->at) == Names{"ring_in", "ring_irq"});
  CHECK(report->wanted->at[0].line == 5);
  CHECK(report->wanted->at[1].line == 9);
  REQUIRE(report->related.size() == 1);
  CHECK(functions(report->related[0].stack) == Names{"ring_setup"});
  REQUIRE(report->irq_events.size() == 2);
  CHECK(report->irq_events[0].what == "hardirqs last enabled");
  CHECK(report->irq_events[0].number == 1231);
  CHECK(functions(report->irq_events[0].at) == Names{"default_idle"});
  CHECK(report->irq_events[1].what == "softirqs last disabled");
}

TEST_CASE("lockdep: only lockdep's reports are read") {
  std::size_t seen = 0;
  for (const auto& entry : std::filesystem::directory_iterator(KREPRO_TEST_DATA "/report")) {
    if (entry.path().extension() != ".log")
      continue;
    INFO(entry.path().filename().string());
    ++seen;
    bool lockdep = entry.path().filename().string().find("lockdep") != std::string::npos;
    CHECK(read_lockdep(report_text(entry.path().stem())).has_value() == lockdep);
  }
  CHECK(seen >= 40);
  CHECK_FALSE(read_lockdep(""));
  CHECK_FALSE(read_lockdep("talk about suspicious RCU usage\n"));
}

TEST_CASE("lockdep: a report cut anywhere") {
  for (const char* name : {"v6.12-lockdep-circular-symbolized", "v4.7-lockdep-circular-addresses",
                           "v6.6-lockdep-irq-order-dependencies"}) {
    std::string text = report_text(name);
    auto whole = read_lockdep(text);
    REQUIRE(whole);
    for (std::size_t size = text.find("\n") + 1; size < text.size(); ++size) {
      auto cut = read_lockdep(text.substr(0, size));
      REQUIRE(cut);
      REQUIRE(cut->chain.size() <= whole->chain.size());
      REQUIRE(cut->backtrace.size() <= whole->backtrace.size());
    }
  }
}

TEST_CASE("lockdep: a report without an end is bounded") {
  std::string text = "WARNING: possible circular locking dependency detected\n"
                     "the existing dependency chain (in reverse order) is:\n";
  for (int i = 0; i < 20000; ++i)
    text += "-> #" + std::to_string(i) + " (a){....}:\n";
  auto report = read_lockdep(text);
  REQUIRE(report);
  CHECK(report->chain.size() == 4094);

  std::string deep = "WARNING: possible recursive locking detected\n";
  deep += "a/1 is trying to acquire lock:\n" + std::string(1 << 20, '(') + "\n";
  CHECK(read_lockdep(deep).has_value());
}
