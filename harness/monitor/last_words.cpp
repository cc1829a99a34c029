#include "harness/monitor/last_words.hpp"

#include <algorithm>
#include <unordered_set>

#include <fmt/format.h>

#include "vmm/base/error.hpp"
#include "vmm/base/log.hpp"
#include "vmm/base/text.hpp"

namespace harness {

namespace {

// By then all but the slowest guests have shown a line.
constexpr std::chrono::milliseconds soon{300};
constexpr std::size_t max_shown = 200;    // bytes of a line, for people
constexpr std::size_t max_log = 4u << 20; // bytes

std::string_view without_return(std::string_view line) {
  while (!line.empty() && line.back() == '\r')
    line.remove_suffix(1);
  return line;
}

// Takes the first line off, without its newline.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

} // namespace

std::string_view unshown_part(std::string_view log, std::string_view console) {
  std::unordered_set<std::string_view> shown;
  while (!console.empty())
    shown.insert(without_return(take_line(console)));
  std::string_view unshown = log;
  while (!log.empty())
    if (const std::string_view line = take_line(log); !line.empty() && shown.contains(line))
      unshown = log;
  return unshown;
}

std::string_view last_line(std::string_view text) {
  std::string_view last;
  while (!text.empty())
    if (const std::string_view line = without_return(take_line(text)); !line.empty())
      last = line;
  return last;
}

void add_below(std::string& console, std::string_view source, std::string_view text) {
  if (!console.empty() && console.back() != '\n')
    console += '\n';
  console += fmt::format("[krepro: the console ends here; what follows was {}]\n", source);
  console += text;
}

LastWords::LastWords(Guest& guest, const KernelImage* kernel, TimePoint start)
    : guest_(guest), kernel_(kernel), start_(start) {
  if (kernel_ == nullptr)
    why_ = "this backend does not show memory, or there is no vmlinux";
}

bool LastWords::open() {
  if (kernel_ != nullptr && !reader_)
    reader_.emplace(
        *kernel_,
        [this](std::uint64_t address, auto to) { return guest_.read_memory(address, to); },
        LogLevels::all);
  return kernel_ != nullptr;
}

void LastWords::read(bool rest) {
  try {
    const std::optional<std::string> text = rest ? reader_->take_rest() : reader_->take();
    if (text && log_.size() < max_log) {
      log_ += *text;
      scanner_.feed(*text);
    }
    why_ = text ? "" : reader_->why();
  } catch (const base::Error& error) {
    why_ = error.what();
    base::log("monitor", base::LogLevel::info, "no log from memory: {}", why_);
  }
}

bool LastWords::listen(TimePoint now) {
  if (now - start_ >= soon && open())
    read(false);
  return scanner_.seen();
}

void LastWords::tell(Outcome& outcome) {
  if (outcome.kind != OutcomeKind::boot_failure)
    return;
  if (open())
    read(true);
  const std::string_view unshown = unshown_part(log_, outcome.console);
  if (!unshown.empty()) {
    add_below(outcome.console, "read from the guest's memory", unshown);
    outcome.reports = reports_in(outcome.console);
  }
  const std::string last = base::printable(last_line(outcome.console).substr(0, max_shown));
  if (!last.empty())
    outcome.detail += "; its last line: " + last;
  else
    outcome.detail +=
        "; it said nothing, and its log is " + (why_.empty() ? "empty" : "not read: " + why_);
}

} // namespace harness
