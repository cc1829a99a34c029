#include <random>
#include <string>

#include <catch2/catch.hpp>

#include "harness/report/crash.hpp"
#include "harness/report/frames.hpp"
#include "harness/report/lines.hpp"
#include "harness/report/title.hpp"
#include "harness/report/window.hpp"

using namespace harness;

TEST_CASE("printk prefixes") {
  CHECK(strip_prefix("[   12.345678] text\r\n").text == "text");
  CHECK(strip_prefix("[   12.345678]  indented").text == " indented");
  LogLine caller = strip_prefix("[   12.345678][ T1234]  frame");
  CHECK(caller.text == " frame");
  CHECK(caller.context == "T1234");
  CHECK(strip_prefix("[   12.345678][    C0] x").context == "C0");
  CHECK(strip_prefix("<4>[   12.345678] text").text == "text");
  CHECK(strip_prefix("** 17 printk messages dropped ** [   12.345678] text").text == "text");
  CHECK(strip_prefix("login: [   12.345678] text").text == "text");
  CHECK(strip_prefix("[ INFO: x ]").text == "[ INFO: x ]");
  CHECK(strip_prefix("[<ffffffff81234567>] f+0x1/0x2").text == "[<ffffffff81234567>] f+0x1/0x2");
  CHECK(strip_prefix("[").text == "[");
  CHECK(strip_prefix("").text.empty());
}

TEST_CASE("stack frames in all forms") {
  auto frame = parse_frame(" vhost_dev_ioctl+0x12/0x34");
  REQUIRE(frame);
  CHECK(frame->function == "vhost_dev_ioctl");
  CHECK(frame->offset == 0x12);
  CHECK(frame->size == 0x34);
  CHECK(frame->certain);
  frame = parse_frame(" [<ffffffff81234567>] ? f.isra.3+0x12/0x34 [vhost]");
  REQUIRE(frame);
  CHECK(frame->function == "f.isra.3");
  CHECK_FALSE(frame->certain);
  CHECK(plain_name(frame->function) == "f");
  frame = parse_frame("[<8011218c>] (unwind) from [<8010e300>] (show_stack+0x18/0x1c)");
  REQUIRE(frame);
  CHECK(frame->function == "unwind");
  frame = parse_frame(" call_write_iter include/linux/fs.h:2271 [inline]");
  REQUIRE(frame);
  CHECK(frame->function == "call_write_iter");
  CHECK(frame->inlined);
  frame = parse_frame("[c00000000a3d3d50] [c0000000008a1b50] f+0x40/0x80");
  REQUIRE(frame);
  CHECK(frame->function == "f");
  CHECK(frame->certain);
  CHECK_FALSE(
      parse_frame("[c00000000a3d3d50] [c0000000008a1b50] f+0x40/0x80 (unreliable)")->certain);
  CHECK_FALSE(parse_frame("[c00000000a3d3d50] f+0x40/0x80"));
  CHECK_FALSE(parse_frame("RIP: 0010:f+0x1/0x2"));
  CHECK_FALSE(parse_frame("some text f+0x1/0x2"));
  CHECK_FALSE(parse_frame(" f+0xzz/0x2"));
  CHECK_FALSE(parse_frame("+0x1/0x2"));
  CHECK_FALSE(parse_frame(" f+0x11111111111111111111/0x2"));
  frame = parse_frame(" ? call_write_iter include/linux/fs.h:2271 [inline]");
  REQUIRE(frame);
  CHECK(frame->inlined);
  CHECK_FALSE(frame->certain);
}

TEST_CASE("instruction pointers in all forms") {
  for (const char* line :
       {"RIP: 0010:f+0x1/0x2", "RIP: 0010:[<ffffffff81234567>]  [<ffffffff81234567>] f+0x1/0x2",
        "IP: [<ffffffff81234567>] f+0x1/0x2", "EIP: f+0x1/0x2", "pc : f+0x1/0x2",
        "PC is at f+0x1/0x2", "NIP [c000000000123456] f+0x1/0x2"}) {
    INFO(line);
    auto ip = parse_ip(line);
    REQUIRE(ip);
    CHECK(ip->function == "f");
  }
  CHECK_FALSE(parse_ip("RIP: 0033:0x439c30"));
  CHECK_FALSE(parse_ip("NIP "));
}

TEST_CASE("titles do not change from run to run") {
  CHECK(normal_title("bad at 0xffff888012345678 in f") == "bad at ADDR in f");
  CHECK(normal_title("unknown-block(8,1)") == "unknown-block(NUM,NUM)");
  CHECK(normal_title("esp6_rcv and p9_fd stay") == "esp6_rcv and p9_fd stay");
  CHECK(normal_title("in a.c:12") == "in a.c:LINE");
  CHECK(normal_title("stuck on CPU#3") == "stuck on CPU");
  CHECK(normal_title(std::string(500, 'x')).size() == 120);
  CHECK(normal_title(std::string("a\0b\xff"
                                 "c",
                                 5)) == "abc");
  CHECK(title_name("__x64_sys_write") == "sys_write");
  CHECK(title_name("SyS_write") == "write");
  CHECK(fill("$1 and $2 in $F$3", {"a", "b"}, "f") == "a and b in f");
}

TEST_CASE("only lines of the same context belong to a report") {
  auto reports = parse_log("[    1.000001][    T1] WARNING: CPU: 0 PID: 1 at a/b.c:1 f+0x1/0x2\n"
                           "[    1.000002][    C1] something else\n"
                           "[    1.000003][    T1] Call Trace:\n"
                           "[    1.000004][    C1]  other_frame+0x1/0x2\n"
                           "[    1.000005][    T1]  guilty_frame+0x1/0x2\n");
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].title == "WARNING in guilty_frame");
  CHECK(reports[0].frame == "guilty_frame");
  CHECK(reports[0].text.find("other_frame") == std::string::npos);
}

TEST_CASE("a panic after a crash belongs to it, a panic alone is one") {
  std::string warning = "WARNING: CPU: 0 PID: 1 at a/b.c:1 f+0x1/0x2\nCall Trace:\n g+0x1/0x2\n";
  std::string panic = "Kernel panic - not syncing: panic_on_warn set ...\n";
  auto both = parse_log(warning + panic);
  REQUIRE(both.size() == 1);
  CHECK(both[0].panicked);
  CHECK(both[0].title == "WARNING in g");
  auto alone = parse_log(panic);
  REQUIRE(alone.size() == 1);
  CHECK(alone[0].title == "kernel panic: panic_on_warn set");
}

TEST_CASE("a decoded report gives the title of the raw one") {
  auto deadlock = parse_log("WARNING: possible recursive locking detected\n"
                            "a/1 is trying to acquire lock:\n"
                            " (&l){+.+.}, at: small a/b.c:3 [inline]\n"
                            " (&l){+.+.}, at: large+0x1/0x2 a/b.c:9\n"
                            "Call Trace:\n small a/b.c:3 [inline]\n large+0x1/0x2 a/b.c:9\n");
  REQUIRE(deadlock.size() == 1);
  CHECK(deadlock[0].title == "possible deadlock in large");
  auto hang = parse_log("INFO: task a:1 blocked for more than 120 seconds.\nCall Trace:\n"
                        " context_switch k/s.c:1 [inline]\n schedule+0x1/0x2 k/s.c:7\n"
                        " small a/b.c:3 [inline]\n large+0x1/0x2 a/b.c:9\n");
  REQUIRE(hang.size() == 1);
  CHECK(hang[0].title == "INFO: task hung in large");
}

TEST_CASE("what is cut is said to be") {
  auto reports = parse_log("INFO: task a:1 blocked for more than 120 seconds.\n");
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].title == "INFO: task hung in corrupted");
  CHECK(reports[0].corrupted);
  CHECK_FALSE(reports[0].corrupted_reason.empty());
  CHECK(reports[0].frame.empty());
}

TEST_CASE("hostile bytes are survived") {
  std::mt19937 random(11);
  const std::string words[] = {"BUG: ",        "WARNING: ",   "INFO: ",  "Call Trace:\n",
                               " f+0x1/0x2\n", "[<",          ">]",      "[    1.000000]",
                               "[ T1] ",       "\n",          "\r",      std::string(1, '\0'),
                               "\xff\xfe",     "at: ",        "KASAN: ", "RIP: 0010:",
                               "+0x",          "soft lockup", "NIP "};
  for (int round = 0; round < 300; ++round) {
    std::string log;
    for (int i = 0; i < 200; ++i)
      log += random() % 4 == 0 ? std::string(1, static_cast<char>(random()))
                               : words[random() % std::size(words)];
    auto reports = parse_log(log);
    CrashScanner scanner;
    scanner.feed(log + "\n");
    CHECK(scanner.seen() == !reports.empty());
    for (const CrashReport& report : reports) {
      CHECK(report.end <= log.size());
      CHECK(report.title.size() <= 120);
    }
  }
}

TEST_CASE("megabytes of crashes, a crash of megabytes") {
  std::string many;
  while (many.size() < 4 << 20)
    many += "BUG: KASAN: use-after-free in f+0x1/0x2\nRead of size 8\n";
  CHECK(parse_log(many).size() == 100);
  std::string line = "WARNING: CPU: 0 PID: 1 at a/b.c:1 ";
  line.append(8 << 20, 'W');
  CHECK(parse_log(line).size() == 1);
}
