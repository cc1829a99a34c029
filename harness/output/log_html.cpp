// Crash reports as a page of HTML.
#include <string_view>

#include <fmt/format.h>

#include "harness/output/log_reports.hpp"
#include "vmm/base/text.hpp"

namespace harness {

namespace {

// Text for an element's content: what a console said is neither markup nor control characters.
std::string escaped(std::string_view bytes) {
  std::string html;
  for (const char c : base::printable(bytes))
    switch (c) {
    case '&':
      html += "&amp;";
      break;
    case '<':
      html += "&lt;";
      break;
    case '>':
      html += "&gt;";
      break;
    case '"':
      html += "&quot;";
      break;
    case '\'':
      html += "&#39;";
      break;
    default:
      html += c;
    }
  return html;
}

} // namespace

std::string html_head() {
  return R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>krepro report</title>
<style>
:root { color-scheme: light dark; }
body { font: 15px/1.4 sans-serif; margin: 1.5em auto; max-width: 75em; padding: 0 1em; }
h2 { border-bottom: 1px solid; font-size: 1em; overflow-wrap: anywhere; }
h3 { font-size: 1.2em; margin-bottom: .3em; overflow-wrap: anywhere; }
ul { margin: 0; padding-left: 1.2em; }
pre { border: 1px solid; font-size: 13px; overflow-x: auto; padding: .7em; }
</style>
</head>
<body>
<h1>krepro report</h1>
)";
}

std::string html_section(const LogReports& log) {
  std::string html = fmt::format("<section>\n<h2>{}</h2>\n", escaped(shown_name(log)));
  if (log.crashes.empty())
    html += "<p>no crash found</p>\n";
  for (const LoggedCrash& crash : log.crashes) {
    html += fmt::format("<article>\n<h3>{}</h3>\n<ul>\n", escaped(crash.report.title));
    for (const std::string& fact : facts_of(crash))
      html += fmt::format("<li>{}</li>\n", escaped(fact));
    html += "</ul>\n";
    for (const std::string& part :
         {locks_text(crash), crash.explained.text, crash.explained.disassembly})
      if (!part.empty())
        html += fmt::format("<pre>{}</pre>\n", escaped(part));
    html += "</article>\n";
  }
  return html + "</section>\n";
}

std::string html_foot() { return "</body>\n</html>\n"; }

} // namespace harness
