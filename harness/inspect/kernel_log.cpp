#include "harness/inspect/kernel_log.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "harness/inspect/printk_log.hpp"
#include "harness/inspect/printk_ring.hpp"

namespace harness {

namespace {

constexpr std::size_t banner_bytes = 128;   // of linux_banner that are compared
constexpr std::size_t max_rest = 16u << 20; // bytes that take_rest() reads

} // namespace

LogReader::LogReader(const KernelImage& kernel, KernelMemory::ReadPhysical read, LogLevels levels)
    : memory_(kernel, std::move(read)), levels_(levels), why_(kernel.why()) {}

// Whether this kernel, and not its packed image, a boot loader or another kernel, is where its file
// says: its banner never changes.
bool LogReader::has_started() {
  const KernelImage& kernel = memory_.kernel();
  const std::optional<std::uint64_t> banner = kernel.symbol("linux_banner");
  if (!banner) {
    why_ = "its vmlinux has no linux_banner";
    return false;
  }
  const auto use = kernel.hold();
  const std::string_view expected = kernel.file()->code_at(*banner);
  const std::size_t length = std::min({expected.size(), banner_bytes, expected.find('\0')});
  std::vector<std::uint8_t> bytes(length);
  started_ = length != 0 && memory_.read(*banner, bytes) &&
             std::equal(bytes.begin(), bytes.end(), expected.begin(),
                        [](auto a, char b) { return a == static_cast<std::uint8_t>(b); });
  if (!started_)
    why_ = "the kernel of this vmlinux is not in the guest's memory: it was not started yet, or is "
           "another one";
  return started_;
}

bool LogReader::find_source() {
  const KernelImage& kernel = memory_.kernel();
  if (const auto ring = PrintkRingFormat::of(kernel)) {
    source_ = std::make_unique<PrintkRing>(*ring);
    // The member caller_id is always there.
    caller_ = kernel.defines_beside("vprintk_emit", "print_caller");
  } else if (const auto log = PrintkLogFormat::of(kernel)) {
    source_ = std::make_unique<PrintkLog>(*log);
    caller_ = log->caller.has_value();
    fragments_ = kernel.symbol("console_prev").has_value(); // gone with 4.10
  } else {
    why_ = "its vmlinux describes no log of a known format";
  }
  return source_ != nullptr;
}

bool LogReader::is_ready() {
  if (!memory_.kernel().why().empty())
    return false;
  return (source_ || find_source()) && (started_ || has_started());
}

// suppress_message_printing() of kernel/printk/printk.c.
bool LogReader::shows(unsigned level) const {
  const KernelImage& kernel = memory_.kernel();
  const std::optional<std::uint64_t> limit = kernel.symbol("console_printk");
  const std::optional<std::uint64_t> ignored = kernel.symbol("ignore_loglevel");
  if (ignored && memory_.get<std::uint8_t>(*ignored).value_or(0) != 0)
    return true;
  const auto shown = limit ? memory_.get<std::int32_t>(*limit) : std::nullopt;
  return !shown || static_cast<std::int64_t>(level) < *shown;
}

// An oops raises the loglevel: what was logged just before it at the level of debugging was not
// shown.
LogReader::Shown LogReader::levels_shown() {
  Shown now{};
  for (unsigned level = 0; level < now.size(); ++level)
    now[level] = levels_ == LogLevels::all || shows(level);
  Shown shown = now;
  shown.back() = now.back() && debug_shown_.value_or(true);
  debug_shown_ = now.back();
  return shown;
}

LogStyle LogReader::style() const {
  const std::optional<std::uint64_t> time = memory_.kernel().symbol("printk_time");
  const bool timed = !time || memory_.get<std::uint8_t>(*time).value_or(1) != 0;
  return {timed, caller_, fragments_};
}

std::optional<std::string> LogReader::take(bool unfinished) {
  if (!is_ready())
    return {};
  memory_.forget();
  std::vector<LogRecord> records;
  if (!source_->take(memory_, unfinished, records)) {
    why_ = "the guest's memory holds no log where its vmlinux says";
    return {};
  }
  std::string text;
  if (records.empty())
    return text;
  const LogStyle now = style();
  const Shown shown = levels_shown();
  for (const LogRecord& record : records) {
    if (record.sequence < next_)
      continue; // the ring was copied into a larger one
    if (record.sequence > next_)
      text += printer_.print_dropped(record.sequence - next_);
    next_ = record.sequence + 1;
    if (shown[record.level % shown.size()])
      text += printer_.print(record, now);
  }
  return text;
}

std::optional<std::string> LogReader::take() { return take(false); }

std::optional<std::string> LogReader::take_rest() {
  std::optional<std::string> all = take(true);
  for (std::size_t before = 0; all && all->size() > before && all->size() < max_rest;) {
    before = all->size();
    *all += take(true).value_or("");
  }
  return all;
}

} // namespace harness
