#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "harness/report/crash.hpp"
#include "harness/report/frames.hpp"
#include "harness/report/kinds.hpp"
#include "harness/report/lines.hpp"
#include "harness/report/title.hpp"
#include "harness/report/window.hpp"

namespace harness {

namespace {

// More reports than this in one log say nothing new, and each costs up to a window's bytes.
constexpr std::size_t max_reports = 100;
constexpr std::size_t max_head_lines = 40;
constexpr std::size_t max_head_bytes = 8192;

struct Match {
  const Rule* rule = nullptr;
  std::vector<std::string_view> groups; // for the title
  std::vector<std::string_view> named;  // functions
};

// Adds the pattern's captures to match; false where it does not match.
bool capture(const RE2& pattern, std::string_view text, Match& match) {
  auto count = static_cast<std::size_t>(pattern.NumberOfCapturingGroups()) + 1;
  std::vector<re2::StringPiece> pieces(count);
  re2::StringPiece piece(text.data(), text.size());
  if (!pattern.Match(piece, 0, piece.size(), RE2::ANCHOR_START, pieces.data(),
                     static_cast<int>(count)))
    return false;
  const auto& names = pattern.CapturingGroupNames();
  for (std::size_t i = 1; i < count; ++i) {
    std::string_view found(pieces[i].data() ? pieces[i].data() : "", pieces[i].size());
    bool function = names.count(static_cast<int>(i)) != 0;
    if (!function)
      match.groups.push_back(found);
    else if (!found.empty())
      match.named.push_back(found);
  }
  return true;
}

std::string head_after(const Window& window) {
  std::string head;
  for (std::size_t i = 1; i < window.lines.size() && i <= max_head_lines; ++i) {
    head.append(window.lines[i].text);
    head += '\n';
    if (head.size() > max_head_bytes)
      break;
  }
  return head;
}

Match choose_rule(const CompiledKind& kind, std::string_view line, std::string_view head) {
  for (const CompiledRule& rule : kind.rules) {
    Match match;
    if (capture(*rule.line, line, match) && (!rule.more || capture(*rule.more, head, match))) {
      match.rule = rule.rule;
      return match;
    }
  }
  return {};
}

void corrupt(CrashReport& report, std::string_view reason) {
  if (!report.corrupted)
    report.corrupted_reason = reason;
  report.corrupted = true;
}

// $F is function and $O origin; without origin an alternative with $O is left out.
void set_titles(CrashReport& report, const Match& match, const std::string& function,
                const std::string& origin) {
  const Rule& rule = *match.rule;
  bool wants = rule.title.find("$F") != std::string_view::npos;
  if (wants && function.empty())
    corrupt(report, "no function to blame in the report");
  std::string name = function.empty() ? "corrupted" : title_name(function);
  report.title = normal_title(fill(rule.title, match.groups, name));
  for (const std::string& variant : {name, function.empty() ? name : function}) {
    if (variant != name)
      report.alt_titles.push_back(normal_title(fill(rule.title, match.groups, variant)));
    for (std::string_view alt : rule.alts)
      if (alt.find("$O") != std::string_view::npos) {
        if (!origin.empty())
          report.alt_titles.push_back(normal_title(fill(alt, match.groups, origin)));
      } else
        report.alt_titles.push_back(normal_title(fill(alt, match.groups, variant)));
  }
  std::sort(report.alt_titles.begin(), report.alt_titles.end());
  report.alt_titles.erase(std::unique(report.alt_titles.begin(), report.alt_titles.end()),
                          report.alt_titles.end());
  report.frame = wants ? function : "";
}

void check_whole(CrashReport& report, const Rule& rule, const Window& window, const Trace& trace) {
  if (!rule.cut.empty())
    corrupt(report, rule.cut);
  if (rule.needs_trace && trace.frames.empty())
    corrupt(report, "no call trace in the report");
  if (lacks_origin(rule, window))
    corrupt(report, "the trace of the value's origin is missing");
  if (is_broken_off(rule, window))
    corrupt(report, "another report inside");
  if (has_empty_trace(window))
    corrupt(report, "a call trace in the report has no frames");
}

std::string joined(const Window& window) {
  std::string text;
  for (std::size_t i = 0; i < window.report_lines; ++i) {
    text.append(window.lines[i].text);
    text += '\n';
  }
  return text;
}

// A fuzzer names its processes syz.PROC.ID.
std::optional<ExecutorInfo> executor_of(std::string_view report) {
  static const RE2 pattern("Comm: syz\\.(\\d{1,9})\\.(\\d{1,9}) ", RE2::Latin1);
  ExecutorInfo executor;
  if (!RE2::PartialMatch({report.data(), report.size()}, pattern, &executor.proc, &executor.id))
    return {};
  return executor;
}

CrashReport make_report(const Window& window, const Start& start) {
  std::string_view line = window.lines.front().text.substr(start.offset);
  CrashReport report;
  if (std::size_t stamp = find_timestamp(line, 0); stamp != std::string_view::npos) {
    line = line.substr(0, stamp);
    corrupt(report, "another message inside the title line");
  }
  std::string head = head_after(window);
  Match match = choose_rule(*start.kind, line, head);
  if (match.rule) {
    report.type = match.rule->type;
    report.suppressed = match.rule->suppressed;
    const Trace trace = read_trace(window, *match.rule);
    set_titles(report, match, guilty_function(*match.rule, match.named, window, trace),
               origin_function(*match.rule, window));
    check_whole(report, *match.rule, window, trace);
  } else {
    report.title = normal_title(line);
    corrupt(report, "the title line is cut");
  }
  report.start = window.lines.front().begin;
  report.end = window.end;
  report.text = joined(window);
  report.executor = executor_of(report.text);
  return report;
}

// The kernel may be well: what ran in the guest broke down before.
bool guest_broke_down(std::string_view log, std::size_t crash) {
  constexpr std::size_t reach = 64UL * 1024;
  const std::size_t from = crash - std::min(crash, reach);
  const std::string_view before = log.substr(from, crash - from);
  for (std::string_view words :
       {"*** stack smashing detected ***: terminated", "INIT: PANIC: segmentation violation!"})
    if (before.find(words) != std::string_view::npos)
      return true;
  return false;
}

// The first line at or after from that has a time stamp: the kernel speaks.
std::size_t first_stamped_line(std::string_view log) {
  for (std::size_t at = 0; at < log.size();) {
    const LogLine line = line_at(log, at);
    if (is_stamped(log.substr(line.begin, line.end - line.begin)))
      return line.begin;
    at = line.end;
  }
  return std::string_view::npos;
}

// The reports found so far, by the context they are in.
class OpenReports {
 public:
  // True: a line of this context at this offset is inside a report.
  bool covers(std::string_view context, std::size_t offset) const {
    const auto found = ends_.find(context);
    return found != ends_.end() && offset < found->second;
  }
  void add(std::string_view context, std::size_t end) {
    std::size_t& last = ends_[context];
    last = std::max(last, end);
  }

 private:
  std::unordered_map<std::string_view, std::size_t> ends_;
};

// The lines of a log that hold start words.
class Candidates {
 public:
  explicit Candidates(std::string_view log) : log_(log) {}

  // The next line whose part that is looked at holds any; nothing at the log's end.
  std::optional<LogLine> next() {
    for (;;) {
      const std::size_t hit = find_start_words(log_, at_);
      if (hit == std::string_view::npos)
        return {};
      const std::size_t newline = log_.substr(at_, hit - at_).rfind('\n');
      const std::size_t begin = newline == std::string_view::npos ? at_ : at_ + newline + 1;
      LogLine line = line_at(log_, begin);
      at_ = line.end;
      if (hit - begin < max_line_bytes)
        return line;
    }
  }

 private:
  std::string_view log_;
  std::size_t at_ = 0; // a line's start
};

// Whether the kernel panicked after a place of the log; places must be asked for in their order.
class Panics {
 public:
  explicit Panics(std::string_view log) : log_(log) {}

  bool after(std::size_t begin) {
    if (!searched_ || next_ < begin)
      next_ = log_.find("Kernel panic - not syncing", begin);
    searched_ = true;
    return next_ != std::string_view::npos;
  }

 private:
  std::string_view log_;
  std::size_t next_ = 0;
  bool searched_ = false;
};

} // namespace

std::vector<CrashReport> parse_log(std::string_view log) {
  std::vector<CrashReport> reports;
  OpenReports open;
  Panics panics(log);
  Candidates candidates(log);
  ContextLines lines(log);
  std::optional<std::size_t> stamped;
  std::unordered_set<std::size_t> joined; // first lines of crashes that began above them
  while (reports.size() < max_reports) {
    const auto line = candidates.next();
    if (!line)
      break;
    const auto start = find_start(line->text);
    if (!start || (start->kind->kind.stamped && !line->stamped) || joined.contains(line->begin) ||
        (start->kind->kind.follows && open.covers(line->context, line->begin)))
      continue;
    if (start->kind->kind.after_boot) {
      if (!stamped)
        stamped = first_stamped_line(log);
      if (*stamped >= line->begin)
        continue;
    }
    const Window window = collect_window(lines, *line, start->kind->kind.headline);
    joined.insert(window.joined);
    open.add(line->context, window.end);
    reports.push_back(make_report(window, *start));
    CrashReport& report = reports.back();
    report.suppressed = report.suppressed || guest_broke_down(log, line->begin);
    report.panicked = panics.after(line->begin);
  }
  return reports;
}

bool CrashScanner::feed(std::string_view bytes) {
  while (!seen_ && !bytes.empty()) {
    std::size_t newline = bytes.find('\n');
    bool whole = newline != std::string_view::npos;
    std::string_view piece = bytes.substr(0, newline);
    bytes.remove_prefix(whole ? newline + 1 : bytes.size());
    line_.append(piece.substr(0, max_line_bytes - std::min(line_.size(), max_line_bytes)));
    if (!whole)
      break;
    if (may_start(line_)) {
      const LogLine line = strip_prefix(line_);
      const auto start = find_start(line.text);
      seen_ = start && (!start->kind->kind.after_boot || stamped_) &&
              (!start->kind->kind.stamped || line.stamped);
    }
    stamped_ = stamped_ || is_stamped(line_);
    line_.clear();
  }
  return seen_;
}

} // namespace harness
