#include <algorithm>
#include <optional>
#include <unordered_map>

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

void set_titles(CrashReport& report, const Match& match, const std::string& function) {
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
      report.alt_titles.push_back(normal_title(fill(alt, match.groups, variant)));
  }
  std::sort(report.alt_titles.begin(), report.alt_titles.end());
  report.alt_titles.erase(std::unique(report.alt_titles.begin(), report.alt_titles.end()),
                          report.alt_titles.end());
  report.frame = wants ? function : "";
}

void check_whole(CrashReport& report, const Rule& rule, const Window& window) {
  if (rule.needs_trace && read_trace(window, rule.where == Where::frames).frames.empty())
    corrupt(report, "no call trace in the report");
}

std::string joined(const Window& window) {
  std::string text;
  for (std::size_t i = 0; i < window.report_lines; ++i) {
    text.append(window.lines[i].text);
    text += '\n';
  }
  return text;
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
    set_titles(report, match, guilty_function(*match.rule, match.named, window));
    check_whole(report, *match.rule, window);
  } else {
    report.title = normal_title(line);
    corrupt(report, "the title line is cut");
  }
  report.start = window.lines.front().begin;
  report.end = window.end;
  report.text = joined(window);
  return report;
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
  while (reports.size() < max_reports) {
    const auto line = candidates.next();
    if (!line)
      break;
    const auto start = find_start(line->text);
    if (!start || (start->kind->kind.follows && open.covers(line->context, line->begin)))
      continue;
    const Window window = collect_window(log, *line);
    open.add(line->context, window.end);
    reports.push_back(make_report(window, *start));
    reports.back().panicked = panics.after(line->begin);
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
    seen_ = may_start(line_) && find_start(strip_prefix(line_).text).has_value();
    line_.clear();
  }
  return seen_;
}

} // namespace harness
