#include "harness/inspect/log_text.hpp"

#include <string_view>

#include <fmt/format.h>

namespace harness {

namespace {

// enum log_flags, kernel/printk/printk.c of 4.7 to 4.9.
constexpr unsigned flag_newline = 2;
constexpr unsigned flag_prefix = 4;
constexpr unsigned flag_continued = 8;

constexpr std::uint32_t caller_is_cpu = 0x80000000;

std::string prefix_of(const LogRecord& record, const LogStyle& style) {
  std::string prefix;
  if (style.time)
    prefix = fmt::format("[{:5}.{:06}]", record.nanoseconds / 1'000'000'000,
                         record.nanoseconds % 1'000'000'000 / 1000);
  if (style.caller)
    prefix +=
        fmt::format("[{:>6}]", fmt::format("{}{}", (record.caller & caller_is_cpu) != 0 ? 'C' : 'T',
                                           record.caller & ~caller_is_cpu));
  return prefix.empty() ? prefix : prefix + " ";
}

} // namespace

std::string LogPrinter::print(const LogRecord& record, const LogStyle& style) {
  bool with_prefix = true;
  bool with_newline = true;
  if (style.fragments) {
    const bool continued = (record.flags & flag_continued) != 0;
    const bool open = (before_ & flag_continued) != 0;
    with_prefix = !(open && (record.flags & flag_prefix) == 0) &&
                  !(continued && open && (before_ & flag_newline) == 0);
    with_newline = !continued || (record.flags & flag_newline) != 0;
    before_ = record.flags;
  }
  const std::string prefix = prefix_of(record, style);
  std::string printed;
  for (std::string_view rest = record.text;;) {
    const std::size_t end = rest.find('\n');
    if (with_prefix)
      printed += prefix;
    printed += rest.substr(0, end);
    if (end != std::string_view::npos || with_newline)
      printed += '\n';
    if (end == std::string_view::npos)
      return printed;
    rest.remove_prefix(end + 1);
    with_prefix = true;
  }
}

std::string LogPrinter::print_dropped(std::uint64_t count) {
  before_ = 0;
  return fmt::format("** {} printk messages dropped **\n", count);
}

} // namespace harness
