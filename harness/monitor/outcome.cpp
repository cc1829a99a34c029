#include "harness/monitor/outcome.hpp"

namespace harness {

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
