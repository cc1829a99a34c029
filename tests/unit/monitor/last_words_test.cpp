#include <string>

#include <catch2/catch.hpp>

#include "harness/monitor/last_words.hpp"

using namespace harness;

namespace {

// A guest without memory that can be read.
class DeadGuest : public Guest {
 public:
  using Guest::poll;
  GuestOutput poll(std::chrono::milliseconds, int) override { return {}; }
  void send(std::string_view) override {}
  void type(std::string_view) override {}
  void inject_nmi() override {}
  void stop() override {}
};

Outcome told(const std::string& console, const KernelImage* kernel, OutcomeKind kind) {
  DeadGuest guest;
  Outcome outcome;
  outcome.kind = kind;
  outcome.detail = "not ready";
  outcome.console = console;
  LastWords words(guest, kernel, {});
  words.listen(std::chrono::steady_clock::now());
  words.tell(outcome);
  return outcome;
}

const KernelImage unknown("");

} // namespace

TEST_CASE("what a console did not show of a log") {
  const std::string log = "[ 0.1] a\n[ 0.2] b\n[ 0.3] c\n";
  CHECK(unshown_part(log, "") == log);
  CHECK(unshown_part(log, "[ 0.1] a\r\n[ 0.2] b\r\n") == "[ 0.3] c\n");
  CHECK(unshown_part(log, "[ 0.1] a\r\n[ 0.2] b\r\n[ 0.3] c\r\n") == "");
  CHECK(unshown_part(log, "[ 0.2] b\n") == "[ 0.3] c\n"); // a quiet console
  CHECK(unshown_part(log, "[ 0.1] a\r\n[ 0.2") == "[ 0.2] b\n[ 0.3] c\n");
  CHECK(unshown_part("", "[ 0.1] a\n") == "");
  CHECK(unshown_part(log, "something else\n") == log);
}

TEST_CASE("the last line that says something") {
  CHECK(last_line("") == "");
  CHECK(last_line("\r\n\n") == "");
  CHECK(last_line("a\nb\r\n\r\n") == "b");
  CHECK(last_line("a\nb") == "b");
}

TEST_CASE("a boot failure says how far it came") {
  CHECK(told("a\r\nb\x1b\r\n", nullptr, OutcomeKind::boot_failure).detail ==
        "not ready; its last line: b?");
  CHECK(told("", nullptr, OutcomeKind::boot_failure).detail ==
        "not ready; it said nothing, and its log is not read: this backend does not show memory, "
        "or there is no vmlinux");
  CHECK(told("", &unknown, OutcomeKind::boot_failure).detail ==
        "not ready; it said nothing, and its log is not read: no vmlinux of this kernel is known");
  CHECK(told("a\n", &unknown, OutcomeKind::hang).detail == "not ready");
}
