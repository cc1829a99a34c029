#include "harness/report/window.hpp"

#include <algorithm>

#include "harness/report/demangle.hpp"
#include "harness/report/frames.hpp"

namespace harness {

namespace {

constexpr std::size_t max_lines = 600;
constexpr std::size_t max_bytes = 256UL * 1024;
constexpr std::size_t max_gap = 24;     // lines that look like nothing of a report, in a row
constexpr std::size_t max_headline = 2; // with "[ cut here ]" below it
constexpr std::size_t max_tail = 4; // lines between a report's last one and the panic it leads to

bool matches(const RE2& pattern, std::string_view text) {
  re2::StringPiece piece(text.data(), text.size());
  return pattern.Match(piece, 0, piece.size(), RE2::ANCHOR_START, nullptr, 0);
}

bool is_report_line(std::string_view text) {
  static const RE2 pattern("\\s*(?:[RE][A-Z0-9]{1,2}:? |E?FLAGS|CS: |CR2: |DR\\d: |FS: |Code: |PGD "
                           "|Oops: |Modules linked|"
                           "CPU: |Hardware name|Workqueue: |Call "
                           "[Tt]race|Backtrace:|backtrace|stack backtrace|</?[A-Z]+>|"
                           "[>\\s]*(?:0x)?[0-9a-f]{8,16}[: ]|[=-]{12,}|---\\[|\\*\\*\\* "
                           "DEADLOCK|Kernel panic|#\\d+: |-> #\\d|"
                           "\\d+ locks? held|no locks held|(?:Allocated|Freed|Last "
                           "potentially|Uninit was|Local variable)|"
                           "The buggy|Memory state|raw: |page dumped|irq event "
                           "stamp|(?:hard|soft)irqs last|NMI backtrace|"
                           "Sending NMI|Showing |Tainted|Not tainted|task:|(?:read|write) to "
                           "0x|x\\d+ ?: |pc : |lr : |sp : |"
                           "\\{|\\.\\.\\. |[0-9a-f]{4}: |r\\d+ ?: |Register |Flags: |Control: "
                           "|Process |Stack|pgd = |lock\\(|hex dump)",
                           RE2::Latin1);
  constexpr std::size_t least = 3; // bytes of all but a brace
  if (text.size() < least)
    return text.ends_with('{');
  return text.find(", at: ") != std::string_view::npos || parse_frame(text) ||
         matches(pattern, text);
}

bool ends_report(std::string_view text) {
  return text.starts_with("---[ end") || text.starts_with("Rebooting in ");
}

// Somebody asked for a dump: it belongs to no report.
bool starts_dump(std::string_view text) {
  return text.starts_with("sysrq: ") || text.starts_with("SysRq : ");
}

// A section of a report that is not the trace of the crash itself.
bool ends_trace(std::string_view text) {
  static const RE2 pattern(
      "\\s*(?:Kernel panic|Allocated by|Freed by|Uninit was|Showing all|NMI backtrace|"
      "Sending NMI|---\\[ end|Modules linked|Call [Tt]race|INFO: |BUG: |WARNING: |"
      "(?:rcu: )?(?:rcu_\\w+ kthread starved|RCU grace-period kthread)|Last potentially|RIP: "
      "0033|The buggy|[Ff]reed by|kfence-#.*allocated|Memory state|"
      "(?:read|write) to 0x)",
      RE2::Latin1);
  return matches(pattern, text);
}

// An oops of riscv has its frames right below its registers.
bool ends_registers(std::string_view text) {
  return text.starts_with("status: ") && text.find(" badaddr: ") != std::string_view::npos;
}

bool labels_trace(std::string_view text) {
  const std::size_t call = text.find("Call ");
  const std::string_view label = text.substr(call == std::string_view::npos ? text.size() : call);
  return label.starts_with("Call Trace:") || label.starts_with("Call trace:") ||
         text.starts_with("Backtrace:");
}

// What the CPU was doing when the interrupt came that wrote the trace; with only_interrupted,
// nothing where the trace shows no interrupt.
std::string served_function(const Trace& trace, bool only_interrupted) {
  std::vector<std::string_view> names;
  for (const auto& list : {trace.ip, trace.frames})
    names.insert(names.end(), list.begin(), list.end());
  for (std::string_view& name : names)
    name = plain_name(name);
  auto entry = std::find_if(names.begin(), names.end(), is_interrupt_entry);
  if (only_interrupted && entry == names.end() && trace.ip.empty())
    return {};
  if (entry != names.end() && entry + 1 != names.end())
    names.erase(names.begin(), entry + 1);
  auto dispatcher = std::find_if(names.begin(), names.end(), is_dispatcher);
  auto waits = std::find_if(names.begin(), dispatcher, is_cross_call);
  if (waits != dispatcher)
    return std::string(*waits);
  if (dispatcher != names.end())
    return std::string(dispatcher == names.begin() ? *dispatcher : *(dispatcher - 1));
  for (std::string_view name : names)
    if (!is_machinery(name, Skip::common))
      return std::string(name);
  return {};
}

} // namespace

Window collect_window(ContextLines& lines, const LogLine& start, bool headline) {
  Window window{{start}, 1, start.end};
  std::size_t gap = max_gap;
  lines.start_at(start);
  while (const LogLine* below = lines.after(window.lines.back(), start.begin + max_bytes)) {
    const LogLine& line = *below;
    auto next = may_start(line.text) ? find_start(line.text) : std::nullopt;
    window.interrupted = next && !next->kind->kind.follows;
    if (window.interrupted && headline && window.lines.size() <= max_headline) {
      window.joined = line.begin;
      window.interrupted = headline = false;
    }
    if (starts_dump(line.text) || window.interrupted || window.lines.size() >= max_lines ||
        window.lines.size() - window.report_lines >= gap)
      break;
    window.lines.push_back(line);
    if (next)
      gap = max_gap;
    if (next || (gap == max_gap && is_report_line(line.text)))
      window.report_lines = window.lines.size();
    if (ends_report(line.text))
      gap = max_tail;
  }
  window.end = window.lines[window.report_lines - 1].end;
  return window;
}

namespace {

// Reads the first trace from line i on, and moves i to where it stopped.
Trace read_one_trace(const Window& window, bool any_form, std::size_t& i) {
  Trace trace;
  bool reading = any_form;
  // Of the last line only: within a trace the next line names the same function, and better.
  std::string_view caller;
  for (; i < window.lines.size(); ++i) {
    std::string_view text = window.lines[i].text;
    if (!trace.frames.empty() && ends_trace(text))
      break;
    if (labels_trace(text)) {
      reading = true;
      continue;
    }
    reading = reading || text.starts_with("NMI backtrace for cpu") || ends_registers(text);
    auto ip = parse_ip(text);
    if (ip && trace.frames.empty())
      trace.ip.push_back(ip->function);
    else if (ip)
      trace.frames.push_back(ip->function);
    else if (auto frame = parse_frame(text);
             frame && (reading || !frame->caller.empty()) && frame->certain && !frame->inlined) {
      trace.frames.push_back(frame->function);
      caller = frame->caller;
    }
  }
  if (!caller.empty())
    trace.frames.push_back(caller);
  return trace;
}

// A stall shows the grace-period thread too; it waits, and is not what the CPU does.
bool is_bystander(const Trace& trace) {
  return std::find_if(trace.frames.begin(), trace.frames.end(), is_rcu_thread) !=
         trace.frames.end();
}

// The line below the first one that holds words; 1, past the start line, where none does.
std::size_t line_below(const Window& window, std::string_view words) {
  for (std::size_t i = 1; !words.empty() && i < window.lines.size(); ++i)
    if (window.lines[i].text.find(words) != std::string_view::npos)
      return i + 1;
  return 1;
}

// A report that a fault injection's trace is mixed with.
bool has_fault_injection(const Window& window) {
  const auto end = window.lines.begin() + static_cast<std::ptrdiff_t>(window.report_lines);
  return std::any_of(window.lines.begin(), end, [](const LogLine& line) {
    if (line.text.find(fault_injection) == std::string_view::npos)
      return false;
    const auto frame = parse_frame(line.text);
    return frame && frame->certain && is_fault_injection(frame->function);
  });
}

std::string first_guilty(const std::vector<std::string_view>& candidates, Skip skip) {
  for (std::string_view candidate : candidates)
    if (std::string name = demangle(plain_name(candidate)); !is_machinery(name, skip))
      return name;
  for (std::string_view candidate : candidates)
    if (is_last_resort(plain_name(candidate)))
      return std::string(plain_name(candidate));
  return {};
}

} // namespace

Trace read_trace(const Window& window, const Rule& rule) {
  const std::size_t below = line_below(window, rule.trace_below);
  const bool any_form = rule.where == Where::frames || below != 1;
  std::size_t i = below;
  Trace first = read_one_trace(window, any_form, i);
  for (Trace trace = first; !trace.frames.empty(); trace = read_one_trace(window, any_form, i))
    if (!is_bystander(trace))
      return trace;
  return first;
}

std::string guilty_function(const Rule& rule, const std::vector<std::string_view>& named,
                            const Window& window, const Trace& trace) {
  std::vector<std::string_view> candidates = named;
  if (rule.where == Where::none)
    return {};
  if (has_fault_injection(window))
    return {};
  if (rule.where == Where::served || rule.where == Where::stalled)
    return served_function(trace, rule.where == Where::stalled);
  if (rule.where == Where::ip && !trace.ip.empty())
    candidates.push_back(trace.ip.front());
  if (rule.where != Where::pattern)
    candidates.insert(candidates.end(), trace.frames.begin(), trace.frames.end());
  return first_guilty(candidates, rule.skip);
}

std::string origin_function(const Rule& rule, const Window& window) {
  std::size_t i = line_below(window, rule.origin_below);
  return i == 1 ? "" : first_guilty(read_one_trace(window, true, i).frames, rule.skip);
}

bool lacks_origin(const Rule& rule, const Window& window) {
  const std::size_t i = line_below(window, rule.origin_below);
  return i != 1 && i < window.lines.size() &&
         window.lines[i].text.find("(stack is not available)") != std::string_view::npos;
}

bool has_empty_trace(const Window& window) {
  constexpr std::size_t reach = 15;
  bool empty = false;   // of the label above
  std::size_t left = 0; // lines to look at below it
  for (std::size_t i = 0; i < window.lines.size(); ++i) {
    const std::string_view text = window.lines[i].text;
    const bool label = labels_trace(text);
    if (empty && (label || left == 0))
      return true;
    if (label && i < window.report_lines) {
      empty = true;
      left = reach;
      continue;
    }
    left -= left == 0 ? 0 : 1;
    if (!empty && i >= window.report_lines)
      return false;
    empty = empty && !parse_frame(text) && !parse_ip(text);
  }
  return empty;
}

bool is_broken_off(const Rule& rule, const Window& window) {
  return rule.ruled_off && window.interrupted &&
         std::none_of(window.lines.begin() + 1, window.lines.end(),
                      [](const LogLine& line) { return line.text.starts_with("=========="); });
}

} // namespace harness
