// The lines of one crash report, and the functions its traces name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/report/context_lines.hpp"
#include "harness/report/kinds.hpp"
#include "harness/report/lines.hpp"

namespace harness {

struct Window {
  std::vector<LogLine> lines;   // the start line first; only lines of its context
  std::size_t report_lines = 1; // how many of them are the report; what follows may be noise
  std::size_t end = 0;          // byte offset into the log, past the report's last line
  bool interrupted = false;     // another crash of the same context starts right behind lines
  std::size_t joined = std::string_view::npos; // where the line is that a headline stands above
};

// From the start line to where the report stops looking like one, another crash of the same context
// starts, or the bounds are reached. Starts must come in the log's order. headline: as in the kind
// of start.
Window collect_window(ContextLines& lines, const LogLine& start, bool headline);

// What the lines of a trace say, in order, without uncertain frames.
struct Trace {
  std::vector<std::string_view> ip;     // instruction pointers before the first call trace
  std::vector<std::string_view> frames; // of the first call trace that has any
};

// Reads the trace that a report of this rule is judged by; without frames where there is none.
Trace read_trace(const Window& window, const Rule& rule);

// The function to blame, as printed, without compiler suffixes; empty where there is none. named:
// what the rule's pattern captured. trace: read_trace().
std::string guilty_function(const Rule& rule, const std::vector<std::string_view>& named,
                            const Window& window, const Trace& trace);

// The function to blame below the line that rule.origin_below names; empty where there is none.
std::string origin_function(const Rule& rule, const Window& window);

// True where that line is there and the kernel says that it has no trace to show.
bool lacks_origin(const Rule& rule, const Window& window);

// True where the report has a "Call Trace:" and no frame in the 15 lines after it.
bool has_empty_trace(const Window& window);

// True where another crash starts before the line of "=" that ends a report of this rule.
bool is_broken_off(const Rule& rule, const Window& window);

} // namespace harness
