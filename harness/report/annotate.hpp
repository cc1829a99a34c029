// The text side of symbolizing: which words of a report are places in code, and the report with
// them explained.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/report/frames.hpp"
#include "harness/report/symbolize.hpp"

namespace harness {

// A place in code that a line names. Views point into the line.
struct Place {
  TraceFrame frame; // its function is empty where the line has only an address
  bool return_address = true;
  std::string_view module;   // empty: the kernel itself
  std::string_view build_id; // of what the function is in, as printed; empty where it is not
  std::uint64_t address = 0; // where there is no function: as printed, with the KASLR offset
};

// The place that a line without printk prefix names. Nothing where there is none, or where the line
// names a file already. An instruction pointer is where it is; every other address is one that a
// call returns to, lockdep's "at:" included (_RET_IP_).
std::optional<Place> place_of(std::string_view line);

// The place's frames, the innermost inlined one first; empty: not known.
using Lookup = std::function<std::vector<SourceFrame>(const Place&)>;

// The report with " file:line" after each place that look_up knows, inlined frames on lines of
// their own before it, " function file:line [inline]"; the function itself where a line has only
// its address, and mangled names demangled.
std::string annotate(std::string_view report, const Lookup& look_up);

struct ReportFiles {
  std::vector<std::string> all; // the guilty one first where it is known; unique
  bool guilty_known = false;
};

// The files of the places that are no stale words of a stack, those of the function guilty first.
// otherwise: the guilty file where no place of that function is known; may be empty.
ReportFiles files_of(std::string_view report, std::string_view guilty, const Lookup& look_up,
                     const std::string& otherwise);

// The file that a report itself blames, "kernel/fork.c" of "WARNING: CPU: 0 PID: 1 at
// kernel/fork.c:77 ...", "kernel BUG at kernel/fork.c:77!" and UBSAN's "... in kernel/fork.c:77:9";
// "" where it names none.
std::string named_file(std::string_view report);

} // namespace harness
