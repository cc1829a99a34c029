// The crashes of console logs, told as text, JSON and HTML.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "harness/report/crash.hpp"

namespace harness {

// What one console log holds.
struct LogReports {
  std::string file;                 // as the user named it; "-": standard input
  std::vector<CrashReport> reports; // reports[0] is the crash to judge by; their texts decoded

  // A crash to report: neither none nor a suppressed one.
  bool crashed() const { return !reports.empty() && !reports.front().suppressed; }
};

// The crashes of a log, in their order but for the first: that is one which is not suppressed,
// where there is any.
LogReports reports_of(const std::string& file, std::string_view log);

// For people; printable.
std::string shown_name(const LogReports& log);

// What is known of a report beside its title and text, a printable line each.
std::vector<std::string> report_facts(const CrashReport& report);

// For terminals: what the log holds is printable, escape sequences in it are taken apart. A line
// "FILE: no crash found" where there is none.
std::string log_text(const LogReports& log);

// {"schema": 1, "file": "...", "reports": [{"title", "alt_titles": [], "type", "frame",
//  "corrupted", "corrupted_reason", "suppressed", "panicked", "executor": {"proc", "id"}, "start",
//  "end", "report"}]}; null for a type, frame, reason or executor that is not there; start and end
// are byte offsets into the log.
nlohmann::json log_json(const LogReports& log);

// A page that needs nothing else: a head, a section a log, a foot. Everything from a log is
// escaped.
std::string html_head();
std::string html_section(const LogReports& log);
std::string html_foot();

} // namespace harness
