#include "harness/report/annotate.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "harness/report/crash.hpp"
#include "harness/report/demangle.hpp"
#include "harness/report/lines.hpp"
#include "vmm/base/text.hpp"

namespace harness {

namespace {

constexpr std::size_t address_digits = 16;
constexpr std::size_t build_id_digits = 40;

// "[<ffffffff81234567>]" of an inlined frame's line: the address is the outer function's.
std::string without_address(std::string_view before) {
  std::string text(before);
  std::size_t open = text.find("[<");
  std::size_t close = text.find(">]", open == std::string::npos ? 0 : open);
  if (open != std::string::npos && close != std::string::npos && close - open == 18)
    text.replace(open, 20, "[<     inline     >]");
  return text;
}

// Whether somebody already put a file behind the symbol.
bool has_file(std::string_view rest) {
  for (std::string_view suffix : {".c:", ".h:", ".S:", ".rs:"})
    if (rest.find(suffix) != std::string_view::npos)
      return true;
  return false;
}

bool is_hex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// " [module]", " [module 0123...]" or " [0123...]" behind a symbol, as
// CONFIG_STACKTRACE_BUILD_ID prints them.
void read_module(std::string_view rest, Place& place) {
  std::size_t close = rest.find(']');
  if (!rest.starts_with(" [") || close == std::string_view::npos)
    return;
  std::string_view inside = rest.substr(2, close - 2);
  std::size_t space = inside.find(' ');
  std::string_view last = space == std::string_view::npos ? inside : inside.substr(space + 1);
  bool has_id = last.size() == build_id_digits && is_hex(last);
  if (has_id)
    place.build_id = last;
  if (space != std::string_view::npos)
    place.module = inside.substr(0, space);
  else if (!has_id)
    place.module = inside;
}

std::optional<Place> symbol_place(std::string_view line) {
  auto ip = line.starts_with("RIP  [<") ? find_symbol(line) : parse_ip(line);
  auto frame = ip ? ip : parse_frame(line);
  if (!frame && (line.find(" at: ") != std::string_view::npos || line.starts_with("hardirqs ") ||
                 line.starts_with("softirqs ") || line.starts_with("[<") ||
                 line.starts_with("lr : ") || line.starts_with("BUG: K")))
    frame = find_symbol(line);
  if (!frame || frame->offset + frame->size == 0)
    return {};
  std::string_view rest = line.substr(frame->name_end);
  if (has_file(rest))
    return {};
  Place place;
  place.frame = *frame;
  place.return_address = !ip;
  read_module(rest, place);
  return place;
}

// A line that starts with a kernel address and has no symbol: "[<ffffffff81234567>] 0x...",
// " ? 0xffffffff81234567", "RIP: 0010:0xffffffff81234567".
std::optional<Place> address_place(std::string_view line) {
  Place place;
  std::size_t i = 0;
  for (std::string_view label : {"RIP: 0010:", "RIP: e030:"})
    if (line.starts_with(label)) {
      i = label.size();
      place.return_address = false;
    }
  i = std::min(line.find_first_not_of(' ', i), line.size());
  if (line.substr(i).starts_with("? ")) {
    place.frame.certain = false;
    i += 2;
  }
  std::string_view rest = line.substr(i);
  if (!rest.starts_with("[<") && !rest.starts_with("0x"))
    return {};
  std::string_view digits = rest.substr(2, address_digits);
  bool closed = rest[0] == '0' || rest.substr(2 + digits.size()).starts_with(">]");
  auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), place.address, 16);
  if (error != std::errc() || end != digits.data() + address_digits || !closed ||
      place.address >> 63 == 0 || has_file(rest))
    return {};
  place.frame.name_begin = i;
  place.frame.name_end = i + 2 + address_digits + (rest[0] == '[' ? 2 : 0);
  return place;
}

// The line without its mangled name, where it has one.
std::string demangled_line(std::string_view raw, std::size_t stamp, const TraceFrame& frame) {
  return fmt::format("{}{}{}", raw.substr(0, stamp + frame.name_begin), demangle(frame.function),
                     raw.substr(stamp + frame.name_begin + frame.function.size()));
}

// " file:line"; "" where they are not known.
std::string place_text(const SourceFrame& frame) {
  return frame.file.empty() ? "" : fmt::format(" {}:{}", frame.file, frame.line);
}

void annotate_line(std::string_view raw, const Lookup& look_up, std::string& out) {
  LogLine line = strip_prefix(raw);
  auto place = place_of(line.text);
  if (!place) {
    out += raw;
    out += '\n';
    return;
  }
  auto stamp = static_cast<std::size_t>(line.text.data() - raw.data());
  const TraceFrame& frame = place->frame;
  std::string_view before = raw.substr(0, stamp + frame.name_begin);
  std::vector<SourceFrame> frames = look_up(*place);
  for (const SourceFrame& found : frames)
    if (found.inlined)
      out += fmt::format("{}{} {}:{} [inline]\n", without_address(before), found.function,
                         found.file, found.line);
  std::string shown = demangled_line(raw, stamp, frame);
  std::size_t end = shown.size() - (raw.size() - stamp - frame.name_end);
  if (!frames.empty())
    shown.insert(end, (frame.function.empty() ? " " + frames.back().function : "") +
                          place_text(frames.back()));
  out += shown;
  out += '\n';
}

void add_once(std::vector<std::string>& files, const std::string& file) {
  if (!file.empty() && std::find(files.begin(), files.end(), file) == files.end())
    files.push_back(file);
}

} // namespace

std::optional<Place> place_of(std::string_view line) {
  auto place = symbol_place(line);
  return place || find_symbol(line) ? place : address_place(line);
}

std::string annotate(std::string_view report, const Lookup& look_up) {
  std::string out;
  for (std::string_view line : base::lines_of(report))
    annotate_line(line, look_up, out);
  return out;
}

ReportFiles files_of(std::string_view report, std::string_view guilty, const Lookup& look_up,
                     const std::string& otherwise) {
  std::vector<std::string> first;
  std::vector<std::string> others;
  for (std::string_view raw : base::lines_of(report)) {
    auto place = place_of(strip_prefix(raw).text);
    if (!place || !place->frame.certain)
      continue;
    bool is_guilty = plain_name(place->frame.function) == guilty;
    std::vector<SourceFrame> frames = look_up(*place);
    for (auto frame = frames.rbegin(); frame != frames.rend(); ++frame)
      add_once(is_guilty ? first : others, frame->file);
  }
  if (first.empty())
    add_once(first, otherwise);
  const bool known = !first.empty();
  for (const std::string& file : others)
    add_once(first, file);
  return {std::move(first), known};
}

std::string named_file(std::string_view report) {
  for (std::string_view raw : base::lines_of(report)) {
    std::string_view line = strip_prefix(raw).text;
    std::size_t at = std::string_view::npos;
    if (line.starts_with("WARNING: ") || line.starts_with("kernel BUG at "))
      at = line.find(" at ");
    else if (line.starts_with("UBSAN: "))
      at = line.find(" in ");
    if (at == std::string_view::npos)
      continue;
    std::string_view word = line.substr(at + 4);
    word = word.substr(0, word.find(' '));
    if (has_file(word))
      return std::string(word.substr(0, word.find(':')));
  }
  return {};
}

} // namespace harness
