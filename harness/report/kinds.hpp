// The table of crash kinds: which words start one, and how its title is made. To teach the parser
// something new, add a row; the engine (parse.cpp) knows no kind by name.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include <re2/re2.h>
#include <re2/set.h>

#include "harness/report/machinery.hpp"

namespace harness {

// Where the guilty function is looked for, after what the rule's pattern captured.
enum class Where {
  none,    // the title has no function
  pattern, // only in the pattern's captures
  ip,      // the instruction pointer, then the call trace
  trace,   // the call trace
  frames,  // the first frames of any kind after the start line
  served,  // what the CPU was serving: ip and call trace, just above the dispatcher
  stalled, // as served, of a trace that shows the interrupt that found the CPU there
};

// One form of a kind. The first rule of a kind whose patterns match makes the report. Patterns are
// RE2. Groups named f, f2, ... hold functions that may be guilty; the others fill $1, $2, ... of
// the titles, those of more after those of line. $F is the guilty function.
struct Rule {
  std::string_view line; // matches the start line from its start words on
  std::string_view title;
  std::string_view type; // "": none
  Where where = Where::none;
  std::string_view more; // when set, must match from the start of the line after the start line
  std::vector<std::string_view> alts;
  Skip skip = Skip::common;
  bool needs_trace = true; // a report without a call trace is cut short
  // Words of a line: the call trace that counts is the first below it, where there is such a line.
  std::string_view trace_below = "";
  // Words of a line: $O in alts is the guilty function of the trace below it. Without it an
  // alternative with $O is left out.
  std::string_view origin_below = "";
  std::string_view cut = ""; // why a report of this form is cut short; "": it is whole
  bool ruled_off = false;    // ends with a line of "="
  bool suppressed = false;   // a crash, but not one of the kernel to report
};

struct Kind {
  std::string_view start; // literal words; they begin at a word's start, anywhere in a line
  std::vector<Rule> rules;
  std::string_view unless; // RE2; matches the line from the start words on: no crash
  bool follows = false;    // inside another report it belongs to that one
  bool at_begin = false;   // the start words count only at the begin of a line
  bool after_boot = false; // counts only when the kernel has printed something before it
  bool stamped = false;    // counts only in a line with a time stamp: programs say such words too
  bool headline = false;   // the first line of another crash right below it is of the same crash
};

// The table, in order of priority. Rows that share a subject are together in a file of their own.
std::vector<Rule> lock_rules();
std::vector<Rule> bug_rules();
std::vector<Rule> warning_rules();
std::vector<Rule> info_rules();
std::vector<Rule> stray_info_rules(); // parts of a report that has lost its first line
std::vector<Kind> fault_kinds();
std::vector<Kind> guest_kinds(); // not of the kernel: reboots, and what fuzzers say of themselves

// RE2 of lines with these labels that are no crash.
extern const std::string_view harmless_bugs;
extern const std::string_view harmless_warnings;
extern const std::string_view harmless_infos;

// Kinds and rules with their patterns compiled.
struct CompiledRule {
  const Rule* rule;
  std::shared_ptr<const RE2> line;
  std::shared_ptr<const RE2> more; // may be null
};

struct CompiledKind {
  Kind kind;
  std::vector<CompiledRule> rules;
  std::unique_ptr<RE2::Set> lines;   // the lines of all rules, for one pass over the text
  std::shared_ptr<const RE2> unless; // may be null
};

// The table, compiled, in order of priority.
const std::vector<CompiledKind>& kinds();

// A crash's first line (printk prefix removed); nothing where the line starts no crash. Of each
// kind the first place where its words begin counts.
struct Start {
  const CompiledKind* kind;
  std::size_t offset; // of the start words in the text
};
std::optional<Start> find_start(std::string_view text);

// The first offset at or after from where start words of some kind begin, not inside of a word;
// npos: none. Bytes of a log as it is: prefixes and newlines may be among them. Much cheaper than
// find_start.
std::size_t find_start_words(std::string_view bytes, std::size_t from);

// False: no line of these bytes can start a crash.
bool may_start(std::string_view bytes);

} // namespace harness
