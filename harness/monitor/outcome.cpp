#include "harness/monitor/outcome.hpp"

#include <algorithm>

namespace harness {

std::vector<CrashReport> reports_in(std::string_view console) {
  std::vector<CrashReport> reports = parse_log(console);
  const auto first = std::find_if(reports.begin(), reports.end(),
                                  [](const CrashReport& report) { return !report.suppressed; });
  if (first != reports.end())
    std::rotate(reports.begin(), first, first + 1);
  return reports;
}

std::string Outcome::title() const {
  switch (kind) {
  case OutcomeKind::crash:
    return "crashed: " + (reports.empty() ? detail : reports.front().title);
  case OutcomeKind::hang:
    return "hung: " + detail;
  case OutcomeKind::clean:
    return "OK";
  case OutcomeKind::boot_failure:
    return "boot failed: " + (reports.empty() ? detail : reports.front().title);
  case OutcomeKind::not_testable:
    return "not testable: " + detail;
  case OutcomeKind::infrastructure:
    return "infrastructure: " + detail;
  }
  return detail;
}

} // namespace harness
