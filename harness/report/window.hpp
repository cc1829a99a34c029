// The lines of one crash report, and the functions its traces name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/report/kinds.hpp"
#include "harness/report/lines.hpp"

namespace harness {

struct Window {
  std::vector<LogLine> lines;   // the start line first; only lines of its context
  std::size_t report_lines = 1; // how many of them are the report; what follows may be noise
  std::size_t end = 0;          // byte offset into the log, past the report's last line
};

// From the start line to where the report stops looking like one, another crash of the same context
// starts, or the bounds are reached.
Window collect_window(std::string_view log, const LogLine& start);

// What the lines of a trace say, in order, without uncertain frames.
struct Trace {
  std::vector<std::string_view> ip;     // instruction pointers before the first call trace
  std::vector<std::string_view> frames; // of the first call trace that has any
  bool labelled = false;                // "Call Trace:" was there
};

// Reads the first trace. any_form: frames count without a "Call Trace:" line before them.
Trace read_trace(const Window& window, bool any_form);

// The function to blame, as printed, without compiler suffixes; empty where there is none. named:
// what the rule's pattern captured.
std::string guilty_function(const Rule& rule, const std::vector<std::string_view>& named,
                            const Window& window);

} // namespace harness
