#include "harness/output/log_reports.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

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

json report_json(const CrashReport& report) {
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
          {"report", report.text}};
}

} // namespace

LogReports reports_of(const std::string& file, std::string_view log) {
  LogReports found{file, parse_log(log)};
  const auto real = std::find_if(found.reports.begin(), found.reports.end(),
                                 [](const CrashReport& report) { return !report.suppressed; });
  if (real != found.reports.end())
    std::rotate(found.reports.begin(), real, real + 1);
  return found;
}

std::string shown_name(const LogReports& log) {
  return log.file == "-" ? "(standard input)" : base::printable(log.file);
}

std::vector<std::string> report_facts(const CrashReport& report) {
  std::vector<std::string> facts;
  if (report.suppressed)
    facts.push_back("suppressed: no crash to report");
  if (!report.type.empty())
    facts.push_back("type: " + report.type);
  if (!report.frame.empty())
    facts.push_back("function: " + report.frame);
  for (const std::string& title : report.alt_titles)
    facts.push_back("also: " + title);
  if (report.corrupted)
    facts.push_back("corrupted: " + report.corrupted_reason);
  if (report.executor)
    facts.push_back(fmt::format("executor: process {}, program {}", report.executor->proc,
                                report.executor->id));
  if (report.panicked)
    facts.push_back("the kernel panicked");
  facts.push_back(fmt::format("bytes: {} to {}", report.start, report.end));
  for (std::string& fact : facts)
    fact = base::printable(fact);
  return facts;
}

std::string log_text(const LogReports& log) {
  const std::string file = shown_name(log);
  if (log.reports.empty())
    return file + ": no crash found\n";
  std::string text;
  for (const CrashReport& report : log.reports) {
    text += fmt::format("{}: {}\n", file, base::printable(report.title));
    for (const std::string& fact : report_facts(report))
      text += fact + "\n";
    text += fmt::format("\n{}\n", base::printable(report.text));
  }
  return text;
}

json log_json(const LogReports& log) {
  json reports = json::array();
  for (const CrashReport& report : log.reports)
    reports.push_back(report_json(report));
  return {{"schema", 1}, {"file", log.file}, {"reports", std::move(reports)}};
}

} // namespace harness
