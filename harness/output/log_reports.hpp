// The crashes of console logs, told as text, JSON and HTML.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "harness/report/crash.hpp"
#include "harness/report/decoder.hpp"
#include "harness/report/hung_task.hpp"
#include "harness/report/lockdep.hpp"

namespace harness {

struct LoggedCrash {
  CrashReport report;
  ExplainedReport explained;
  std::optional<LockdepReport> lockdep;
  std::optional<HungTask> hung_task;
};

// What one console log holds.
struct LogReports {
  std::string file;                 // as the user named it; "-": standard input
  std::vector<LoggedCrash> crashes; // the first is the one to judge by

  // A crash to report: neither none nor a suppressed one.
  bool crashed() const { return !crashes.empty() && !crashes.front().report.suppressed; }
};

// The crashes of a log, in their order but for the first: that is one which is not suppressed,
// where there is any.
LogReports reports_of(const std::string& file, std::string_view log, const Decoder& decoder);

// For people; printable.
std::string shown_name(const LogReports& log);

// Who holds and wants which locks, in a few printable lines; empty where the crash says nothing of
// it.
std::string locks_text(const LoggedCrash& crash);

// What is known of a crash beside its title and the report, a printable line each.
std::vector<std::string> facts_of(const LoggedCrash& crash);

// For terminals: what the log holds is printable, escape sequences in it are taken apart. A line
// "FILE: no crash found" where there is none.
std::string log_text(const LogReports& log);

// {"schema": 1, "file": "...", "reports": [{"title", "alt_titles": [], "type", "frame",
//  "corrupted", "corrupted_reason", "suppressed", "panicked", "executor": {"proc", "id"}, "start",
//  "end", "report", "disassembly", "files": [], "maintainers": [], "warnings": [], "lockdep",
//  "hung_task"}]}. null for what is not there; start and end are byte offsets into the log; the
// last two are told in lock_json.hpp.
nlohmann::json log_json(const LogReports& log);

// A page that needs nothing else: a head, a section a log, a foot. Everything from a log is
// escaped.
std::string html_head();
std::string html_section(const LogReports& log);
std::string html_foot();

} // namespace harness
