#include <string>

#include <catch2/catch.hpp>

#include "harness/report/crash.hpp"
#include "harness/report/hung_task.hpp"
#include "harness/report/lockdep.hpp"
#include "tests/unit/report/golden.hpp"

namespace {

std::string lockdep_text(const std::string& name) {
  auto report = harness::read_lockdep(golden_log(name));
  REQUIRE(report);
  return explain(*report);
}

std::string hung_text(const std::string& name) {
  auto hung = harness::read_hung_task(golden_log(name));
  REQUIRE(hung);
  return explain(*hung);
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("explain: a circle, oldest dependency first") {
  CHECK(lockdep_text("v4.15-lockdep-circular-vsock") ==
        "possible circular locking dependency detected, kernel 4.15.0\n"
        "probe/811 wants vhost_vsock_mutex at vhost_vsock_dev_ioctl+0x11f\n"
        "probe/811 holds &dev->mutex#2 at vhost_vsock_set_cid+0x2c\n"
        "before: under vhost_vsock_mutex took &dev->mutex#2 (#1)\n"
        "      vhost_vsock_reset_orphans+0x3d\n"
        "      SyS_ioctl+0x74\n"
        "now: under &dev->mutex#2 takes vhost_vsock_mutex (#0)\n"
        "      vhost_vsock_dev_ioctl+0x11f\n"
        "      SyS_ioctl+0x74\n"
        "  CPU0                      CPU1\n"
        "  lock(&dev->mutex#2);\n"
        "                            lock(vhost_vsock_mutex);\n"
        "                            lock(&dev->mutex#2);\n"
        "  lock(vhost_vsock_mutex);\n"
        "probe/811 holds 1 lock:\n"
        "      &dev->mutex#2 at vhost_vsock_set_cid+0x2c\n");
}

TEST_CASE("explain: a longer chain goes from lock to lock") {
  std::string text = lockdep_text("v6.12-lockdep-circular-symbolized");
  std::size_t first = text.find("before: under &ring->queue(io)#3 took &ring->open_mutex/1 (#1)\n"
                                "      ring_reopen (drivers/ring/file.c:88)\n");
  std::size_t second = text.find("before: under &ring->open_mutex/1 took ring_list_lock (#2)\n");
  std::size_t now = text.find("now: under ring_list_lock takes &ring->queue(io)#3 (#0)\n");
  REQUIRE(first != std::string::npos);
  REQUIRE(second != std::string::npos);
  REQUIRE(now != std::string::npos);
  CHECK(first < second);
  CHECK(second < now);
}

TEST_CASE("explain: other lockdep reports") {
  CHECK(has(lockdep_text("v6.1-lockdep-suspicious-rcu"),
            "drivers/ring/table.c:88: suspicious rcu_dereference_check() usage!\n"
            "ring/214 holds no lock\n"
            "at\n"
            "      ring_lookup+0x9a\n"));
  CHECK(has(lockdep_text("v6.1-lockdep-bad-unlock"),
            "ring/214 releases &vq->mutex at vhost_vq_release+0x21\n"));
  CHECK(has(lockdep_text("v6.1-lockdep-inconsistent-state"),
            "{IN-SOFTIRQ-W} state was registered at:\n      ring_timer+0x1b\n"));
  std::string recursive = lockdep_text("v4.9-lockdep-recursive-iotlb");
  CHECK(has(recursive, "  CPU0\n  lock(&vq->mutex);\n  lock(&vq->mutex);\n"));
  CHECK_FALSE(has(recursive, "CPU1"));
  CHECK(has(lockdep_text("v6.6-lockdep-irq-order-dependencies"),
            "  <Interrupt>\n    lock(&ring->fast_lock);\n"));
}

TEST_CASE("explain: a hung task and the holder") {
  CHECK(hung_text("v6.17-hung-task-mutex-owner") ==
        "ring:open/415 blocked for more than 30 seconds, kernel 6.17.3\n"
        "waits for &ring->open_mutex at ring_open+0x23 in __mutex_lock\n"
        "      ring_open+0x23\n"
        "      chrdev_open+0xb4\n"
        "      do_dentry_open+0x1f2\n"
        "      vfs_open+0x2a\n"
        "holds sb_writers#3 at path_openat+0x1f0\n"
        "held by ring:scan/414: the kernel names it as the likely owner\n"
        "    has &ring->scan_sem at ring_scan+0x1a\n"
        "    has &ring->open_mutex at ring_scan+0x24\n"
        "      ring_scan_wait+0x3e\n"
        "      ring_scan+0x2d\n"
        "      ring_ioctl+0x6a\n"
        "      __x64_sys_ioctl+0x97\n");
  std::string waiters = hung_text("v5.19-hung-task-three-waiters");
  CHECK(has(waiters, "held by ring-c/503, hung too: its stack waits for no lock\n"));
  CHECK(has(waiters, "also wait for it: ring-b/502\n"));
  CHECK(has(waiters, "also hung: ring-b/502, ring-c/503\n"));
}

TEST_CASE("explain: a deadlock of two tasks") {
  CHECK(has(hung_text("v6.9-hung-task-abba"),
            "held by ring-out/732, hung too: it took further locks after this one\n"
            "    has &ring->out_lock at ring_out+0x2f\n"
            "    waits for &ring->in_lock at ring_out+0x46\n"
            "      ring_out+0x46\n"
            "      ring_write+0x1a\n"
            "      vfs_write+0xfb\n"
            "      ksys_write+0x6d\n"
            "deadlock: each waits for a lock that the other has\n"));
}

TEST_CASE("explain: a guess is called one") {
  CHECK(has(hung_text("v6.1-hung-task-captured"), "held by vhost-32/33: a guess: it was running"));
  CHECK(has(hung_text("v4.19-hung-task-vhost-stop"),
            "    has or waits for &vq->mutex at handle_rx+0x2d\n"));
  CHECK(has(hung_text("v6.6-hung-task-flush"), "waits for no lock that lockdep watches\n"));
}
