#include "harness/report/listing.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "harness/report/demangle.hpp"
#include "harness/report/lines.hpp"
#include "harness/report/source_lines.hpp"
#include "vmm/base/text.hpp"

namespace harness {

namespace {

// Which machine a report's words are of; nothing where it is one that cannot be disassembled.
std::optional<Machine> machine_of(std::string_view report) {
  if (report.find("RIP: ") != std::string_view::npos ||
      report.find("RIP  [<") != std::string_view::npos)
    return Machine::x86_64;
  if (report.find("EIP: ") != std::string_view::npos)
    return Machine::x86_32;
  if (report.find("pstate: ") != std::string_view::npos &&
      report.find("x29: ") != std::string_view::npos)
    return Machine::arm64;
  return {};
}

bool is_user_pointer(std::string_view line) {
  return line.starts_with("RIP: 0033:") || line.starts_with("RIP: 0023:");
}

std::string title_of(const std::optional<Place>& pointer, bool user) {
  if (user)
    return "Code: of user space\n";
  if (!pointer || pointer->frame.function.empty())
    return "Code:\n";
  const TraceFrame& frame = pointer->frame;
  std::string title = fmt::format("Code: at {}+{:#x}", demangle(frame.function), frame.offset);
  if (frame.size != 0)
    title += fmt::format("/{:#x}", frame.size);
  if (!pointer->module.empty())
    title += fmt::format(" [{}]", pointer->module);
  return title + '\n';
}

std::string hex(std::string_view bytes) {
  std::string text;
  for (char byte : bytes)
    text += fmt::format("{}{:02x}", text.empty() ? "" : " ", static_cast<unsigned char>(byte));
  return text;
}

class Lister {
 public:
  Lister(Machine machine, const std::function<CodeView(const Place&)>& view, SourceLines& source)
      : machine_(machine), view_of_(view), source_(source) {}

  std::string list(const CodeBytes& code, const std::optional<Place>& pointer, bool user) {
    std::string out = title_of(pointer, user);
    view_ = pointer ? view_of_(*pointer) : CodeView();
    last_.clear();
    const bool in_function = pointer && !pointer->frame.function.empty();
    const auto zero = static_cast<std::int64_t>(in_function ? pointer->frame.offset : code.fault);
    CodeSite place{machine_, view_.anchor, view_.name};
    if (!place.anchor && in_function && pointer->frame.offset <= code.fault)
      place.anchor = pointer->frame.offset;
    for (const Instruction& row : disassemble(code, place)) {
      if (row.known && row.offset + zero >= 0)
        out += source_line(row.offset);
      out += fmt::format("{} {:>+7x}  {:<30} {}\n", row.faulting ? '>' : ' ', row.offset + zero,
                         hex(row.bytes), row.text);
    }
    return out;
  }

 private:
  // The line that the instruction is of, where it is not that of the one before.
  std::string source_line(std::int64_t offset) {
    const SourceFrame line = view_.line ? view_.line(offset) : SourceFrame();
    if (line.file.empty() || line.line == 0)
      return {};
    const std::string place = fmt::format("{}:{}", line.file, line.line);
    if (place == last_)
      return {};
    last_ = place;
    const std::string text = source_.line(line.file, line.line);
    return text.empty() ? fmt::format("{}:\n", place) : fmt::format("{}: {}\n", place, text);
  }

  Machine machine_;
  const std::function<CodeView(const Place&)>& view_of_;
  SourceLines& source_;
  CodeView view_;
  std::string last_; // "file:line" last shown
};

} // namespace

std::string list_code(std::string_view report,
                      const std::function<CodeView(const Place& pointer)>& view,
                      const std::filesystem::path& source) {
  const std::optional<Machine> machine = machine_of(report);
  if (!machine)
    return {};
  SourceLines lines(source);
  Lister lister(*machine, view, lines);
  std::string out;
  std::optional<Place> pointer;
  bool user = false;
  for (std::string_view raw : base::lines_of(report)) {
    std::string_view line = strip_prefix(raw).text;
    if (is_user_pointer(line)) {
      user = true;
      pointer.reset();
    } else if (auto place = place_of(line); place && !place->return_address) {
      user = false;
      pointer = place;
    } else if (const auto code = parse_code(line)) {
      out += lister.list(*code, pointer, user);
    }
  }
  return out;
}

} // namespace harness
