// The text side of the symbolizer: which words of a report are addresses, and the report with them
// explained.
#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "harness/report/crash.hpp"
#include "harness/report/frames.hpp"
#include "harness/report/lines.hpp"
#include "harness/report/symbolize.hpp"
#include "vmm/base/text.hpp"

namespace harness {

namespace {

struct Place {
  TraceFrame frame;
  bool return_address = true;
};

// "[<ffffffff81234567>]" of an inlined frame's line: the address is the outer function's.
std::string without_address(std::string_view before) {
  std::string text(before);
  std::size_t open = text.find("[<");
  std::size_t close = text.find(">]", open == std::string::npos ? 0 : open);
  if (open != std::string::npos && close != std::string::npos && close - open == 18)
    text.replace(open, 20, "[<     inline     >]");
  return text;
}

// What follows a symbol is a module's name, or a file that somebody already put there.
bool is_elsewhere(std::string_view rest) {
  return rest.starts_with(" [") || rest.find(".c:") != std::string_view::npos ||
         rest.find(".h:") != std::string_view::npos || rest.find(".S:") != std::string_view::npos;
}

// The symbol of a line that can be looked up. An instruction pointer is where it is; every other
// address in a report is one that a call returns to, lockdep's "at:" included (_RET_IP_).
std::optional<Place> symbol_of(std::string_view line) {
  auto ip = parse_ip(line);
  auto frame = ip ? ip : parse_frame(line);
  if (!frame &&
      (line.find(" at: ") != std::string_view::npos || line.starts_with("hardirqs ") ||
       line.starts_with("softirqs ") || line.starts_with("[<") || line.starts_with("BUG: K")))
    frame = find_symbol(line);
  if (!frame || frame->offset + frame->size == 0 || is_elsewhere(line.substr(frame->name_end)))
    return {};
  return Place{*frame, !ip};
}

std::vector<SourceFrame> look_up(const Symbolizer& symbols, const Place& place) {
  const TraceFrame& frame = place.frame;
  return symbols.resolve(frame.function, frame.offset, frame.size, place.return_address);
}

void decode_line(const Symbolizer& symbols, std::string_view raw, std::string& out) {
  LogLine line = strip_prefix(raw);
  auto place = symbol_of(line.text);
  std::vector<SourceFrame> frames;
  if (place)
    frames = look_up(symbols, *place);
  std::size_t name = 0;
  std::size_t end = 0;
  if (!frames.empty()) {
    auto stamp = static_cast<std::size_t>(line.text.data() - raw.data());
    name = stamp + place->frame.name_begin;
    end = stamp + place->frame.name_end;
  }
  for (const SourceFrame& frame : frames)
    if (frame.inlined)
      out += fmt::format("{}{} {}:{} [inline]\n", without_address(raw.substr(0, name)),
                         frame.function, frame.file, frame.line);
  if (frames.empty() || frames.back().file.empty())
    out += raw;
  else
    out += fmt::format("{} {}:{}{}", raw.substr(0, end), frames.back().file, frames.back().line,
                       raw.substr(end));
  out += '\n';
}

void add_once(std::vector<std::string>& files, const std::string& file) {
  if (!file.empty() && std::find(files.begin(), files.end(), file) == files.end())
    files.push_back(file);
}

} // namespace

std::string Symbolizer::decode(std::string_view report) const {
  std::string out;
  for (std::string_view line : base::lines_of(report))
    decode_line(*this, line, out);
  return out;
}

std::vector<std::string> Symbolizer::files(std::string_view report) const {
  std::vector<CrashReport> crashes = parse_log(report);
  std::string guilty = crashes.empty() ? "" : crashes.front().frame;
  std::vector<std::string> first;
  std::vector<std::string> others;
  for (std::string_view raw : base::lines_of(report)) {
    auto place = symbol_of(strip_prefix(raw).text);
    if (!place || !place->frame.certain)
      continue;
    bool is_guilty = plain_name(place->frame.function) == guilty;
    std::vector<SourceFrame> frames = look_up(*this, *place);
    for (auto frame = frames.rbegin(); frame != frames.rend(); ++frame)
      add_once(is_guilty ? first : others, frame->file);
  }
  for (const std::string& file : others)
    add_once(first, file);
  return first;
}

} // namespace harness
