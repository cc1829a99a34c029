// Any bytes as a console log: what crash.hpp promises holds.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string_view>

#include "harness/report/crash.hpp"
#include "vmm/base/error.hpp"

namespace {

bool printable(char c) { return c >= ' ' && c < 0x7f; }

void check(const harness::CrashReport& report, std::string_view log) {
  ASSERT(report.start <= report.end);
  ASSERT(report.end <= log.size());
  ASSERT(report.title.size() <= 120);
  ASSERT(std::all_of(report.title.begin(), report.title.end(), printable));
  ASSERT(report.corrupted == !report.corrupted_reason.empty());
}

bool seen_in_chunks(std::string_view log, std::mt19937& random) {
  harness::CrashScanner scanner;
  const std::size_t largest = std::size_t{1} << random() % 14;
  while (!log.empty()) {
    const std::size_t size = std::min<std::size_t>(log.size(), 1 + random() % largest);
    const bool seen = scanner.feed(log.substr(0, size));
    ASSERT(seen == scanner.seen());
    log.remove_prefix(size);
  }
  return scanner.feed("\n"); // the last line may not be complete
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view log(reinterpret_cast<const char*>(data), size);
  const auto reports = harness::parse_log(log);
  ASSERT(reports.size() <= 100);
  for (std::size_t i = 0; i < reports.size(); ++i) {
    check(reports[i], log);
    ASSERT(i == 0 || reports[i - 1].start < reports[i].start);
  }
  // The same chunks for the same input.
  std::mt19937 random(static_cast<unsigned>(size * 31 + (size != 0 ? data[size / 2] : 0)));
  ASSERT(seen_in_chunks(log, random) == !reports.empty());
  return 0;
}
