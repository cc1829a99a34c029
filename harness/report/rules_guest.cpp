// Rows of crashes that are not the kernel's own words: a boot loader where a kernel ran, and what a
// fuzzer's processes print when they end.
#include "harness/report/kinds.hpp"

namespace harness {

namespace {

Kind plain(std::string_view start, std::string_view line, std::string_view title,
           std::string_view type, bool suppressed) {
  Rule rule{line, title, type, Where::none, "", {}, Skip::common, false};
  rule.suppressed = suppressed;
  return {start, {rule}};
}

Kind reboot(std::string_view start) {
  Kind kind = plain(start, "\\S", "unexpected kernel reboot", "REBOOT", false);
  kind.after_boot = true;
  return kind;
}

Kind go_failure(std::string_view start, std::string_view line) {
  Kind kind = plain(start, line, "go runtime error", "DoS", true);
  kind.at_begin = true;
  return kind;
}

} // namespace

std::vector<Kind> guest_kinds() {
  Kind fuzzer = plain("SYZFAIL: ", "SYZFAIL: (.*\\S)", "SYZFAIL: $1", "SYZ_FAILURE", false);
  fuzzer.rules.insert(fuzzer.rules.begin(),
                      plain("", "SYZFAIL: (SIGBUS)", "SYZFAIL: $1", "SYZ_FAILURE", true).rules[0]);
  fuzzer.at_begin = true;
  return {reboot("SeaBIOS (version "),
          reboot("early console in extract_kernel"),
          reboot("Decompressing Linux..."),
          reboot("Booting the kernel."),
          reboot("Uncompressing Linux..."),
          fuzzer,
          plain("SYZFATAL: ", "SYZFATAL: (.*\\S)", "SYZFATAL: $1", "SYZ_FAILURE", false),
          go_failure("fatal error: ", "fatal error: (?:runtime: |out of memory|unexpected signal|"
                                      "all goroutines|concurrent map|systemstack|newosproc)"),
          go_failure("runtime: out of memory", "runtime: out of memory"),
          go_failure("panic: ", "panic: (?:runtime error|executor failed|failed to )"),
          go_failure("unexpected fault address ", "unexpected fault address 0x"),
          plain("trusty: panic", "trusty: panic .*ASSERT FAILED at \\(.*?\\): (.*\\S)",
                "trusty: ASSERT FAILED: $1", "DoS", false)};
}

} // namespace harness
