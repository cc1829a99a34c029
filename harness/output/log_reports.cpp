#include "harness/output/log_reports.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/output/lock_json.hpp"
#include "vmm/base/text.hpp"

namespace harness {

namespace {

using nlohmann::json;

json or_null(const std::string& text) { return text.empty() ? json(nullptr) : json(text); }

json executor_json(const CrashReport& report) {
  if (!report.executor)
    return nullptr;
  return {{"proc", report.executor->proc}, {"id", report.executor->id}};
}

json crash_json(const LoggedCrash& crash) {
  const CrashReport& report = crash.report;
  return {{"title", report.title},
          {"alt_titles", report.alt_titles},
          {"type", or_null(report.type)},
          {"frame", or_null(report.frame)},
          {"corrupted", report.corrupted},
          {"corrupted_reason", or_null(report.corrupted_reason)},
          {"suppressed", report.suppressed},
          {"panicked", report.panicked},
          {"executor", executor_json(report)},
          {"start", report.start},
          {"end", report.end},
          {"report", crash.explained.text},
          {"disassembly", or_null(crash.explained.disassembly)},
          {"files", crash.explained.files},
          {"maintainers", crash.explained.maintainers},
          {"warnings", crash.explained.warnings},
          {"lockdep", crash.lockdep ? to_json(*crash.lockdep) : json(nullptr)},
          {"hung_task", crash.hung_task ? to_json(*crash.hung_task) : json(nullptr)}};
}

} // namespace

LogReports reports_of(const std::string& file, std::string_view log, const Decoder& decoder) {
  LogReports found{file, {}};
  for (CrashReport& report : parse_log(log)) {
    ExplainedReport explained = decoder.explain(report, log);
    LoggedCrash crash{std::move(report), std::move(explained), {}, {}};
    if (crash.report.type == "LOCKDEP")
      crash.lockdep = read_lockdep(crash.explained.text);
    if (crash.report.type == "HANG")
      crash.hung_task = read_hung_task(crash.explained.text, log.substr(crash.report.start));
    found.crashes.push_back(std::move(crash));
  }
  const auto real = std::find_if(found.crashes.begin(), found.crashes.end(),
                                 [](const LoggedCrash& crash) { return !crash.report.suppressed; });
  if (real != found.crashes.end())
    std::rotate(found.crashes.begin(), real, real + 1);
  return found;
}

std::string shown_name(const LogReports& log) {
  return log.file == "-" ? "(standard input)" : base::printable(log.file);
}

std::vector<std::string> facts_of(const LoggedCrash& crash) {
  const CrashReport& report = crash.report;
  std::vector<std::string> facts;
  const auto add = [&](const char* what, const std::string& value) {
    if (!value.empty())
      facts.push_back(base::printable(fmt::format("{}: {}", what, value)));
  };
  if (report.suppressed)
    facts.emplace_back("suppressed: no crash to report");
  add("type", report.type);
  add("function", report.frame);
  for (const std::string& title : report.alt_titles)
    add("also", title);
  add("corrupted", report.corrupted_reason);
  if (report.executor)
    add("executor",
        fmt::format("process {}, program {}", report.executor->proc, report.executor->id));
  if (report.panicked)
    facts.emplace_back("the kernel panicked");
  add("bytes", fmt::format("{} to {}", report.start, report.end));
  for (const std::string& maintainer : crash.explained.maintainers)
    add("maintainer", maintainer);
  for (const std::string& warning : crash.explained.warnings)
    add("warning", warning);
  return facts;
}

std::string locks_text(const LoggedCrash& crash) {
  return base::printable(crash.lockdep     ? explain(*crash.lockdep)
                         : crash.hung_task ? explain(*crash.hung_task)
                                           : "");
}

std::string log_text(const LogReports& log) {
  const std::string file = shown_name(log);
  if (log.crashes.empty())
    return file + ": no crash found\n";
  std::string text;
  for (const LoggedCrash& crash : log.crashes) {
    text += fmt::format("{}: {}\n", file, base::printable(crash.report.title));
    for (const std::string& fact : facts_of(crash))
      text += fact + "\n";
    for (const std::string& part :
         {locks_text(crash), crash.explained.text, crash.explained.disassembly})
      if (!part.empty())
        text += "\n" + base::printable(part);
    text += "\n";
  }
  return text;
}

json log_json(const LogReports& log) {
  json reports = json::array();
  for (const LoggedCrash& crash : log.crashes)
    reports.push_back(crash_json(crash));
  return {{"schema", 1}, {"file", log.file}, {"reports", std::move(reports)}};
}

} // namespace harness
