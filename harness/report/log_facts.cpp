#include "harness/report/log_facts.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <vector>

#include "harness/report/lines.hpp"
#include "vmm/base/text.hpp"

namespace harness {

namespace {

constexpr std::size_t build_id_digits = 40;

// "CPU: 0 PID: 1 Comm: x Not tainted 6.1.0+ #3 [build id]" of dump_stack_print_info() in
// lib/dump_stack.c: the release stands before the '#', the id in the end.
void read_cpu_line(std::string_view line, LogFacts& facts) {
  if (!line.starts_with("CPU: ") || line.find(" Comm: ") == std::string_view::npos)
    return;
  std::vector<std::string> words = base::split(line, ' ');
  std::size_t version = words.size() - 1; // the last "#3": a process may be named like one
  while (version > 0 && !words[version].starts_with('#'))
    --version;
  if (version == 0)
    return;
  facts.release = words[version - 1];
  if (words.back().size() == build_id_digits &&
      words.back().find_first_not_of("0123456789abcdef") == std::string::npos)
    facts.build_id = words.back();
}

void read_banner(std::string_view line, LogFacts& facts) {
  constexpr std::string_view label = "Linux version ";
  if (line.starts_with(label))
    facts.release = line.substr(label.size(), line.find(' ', label.size()) - label.size());
}

// "Kernel Offset: 0x19000000 from 0xffffffff81000000 (...)" or "Kernel Offset: disabled" of
// dump_kernel_offset(), printed when the kernel panics.
void read_offset(std::string_view line, LogFacts& facts) {
  constexpr std::string_view label = "Kernel Offset: ";
  if (!line.starts_with(label))
    return;
  line.remove_prefix(label.size());
  std::uint64_t value = 0;
  if (line.starts_with("disabled"))
    facts.kernel_offset = 0;
  else if (line.starts_with("0x") &&
           std::from_chars(line.data() + 2, line.data() + line.size(), value, 16).ec == std::errc())
    facts.kernel_offset = value;
}

// Calls read with each line of a console that has the label, without its printk prefix. A console
// may be megabytes: its other lines are not looked at.
template<class Read> void each_line_with(std::string_view log, std::string_view label, Read read) {
  const char* at = log.data();
  const char* end = log.data() + log.size();
  while (at != end) {
    const void* found =
        ::memmem(at, static_cast<std::size_t>(end - at), label.data(), label.size());
    if (!found)
      return;
    const auto place = static_cast<std::size_t>(static_cast<const char*>(found) - log.data());
    const std::size_t newline = log.rfind('\n', place);
    const LogLine line = line_at(log, newline == std::string_view::npos ? 0 : newline + 1);
    read(line.text);
    at = log.data() + std::max(line.end, place + label.size());
  }
}

} // namespace

LogFacts read_facts(std::string_view report, std::string_view log) {
  LogFacts facts;
  each_line_with(log, "Kernel Offset: ", [&](std::string_view line) { read_offset(line, facts); });
  each_line_with(log, "ommand line: ", [&](std::string_view line) {
    if ((line.starts_with("Kernel command line: ") || line.starts_with("Command line: ")) &&
        (std::string(line) + ' ').find(" nokaslr ") != std::string::npos)
      facts.kernel_offset = 0;
  });
  for (std::string_view raw : base::lines_of(report)) {
    std::string_view line = strip_prefix(raw).text;
    read_cpu_line(line, facts);
    read_offset(line, facts);
  }
  if (facts.release.empty())
    each_line_with(log, "Linux version ", [&](std::string_view line) { read_banner(line, facts); });
  return facts;
}

} // namespace harness
