#include "harness/report/log_facts.hpp"

#include <charconv>
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
  for (std::size_t i = 1; i < words.size(); ++i)
    if (words[i].starts_with('#')) {
      facts.release = words[i - 1];
      if (words.back().size() == build_id_digits &&
          words.back().find_first_not_of("0123456789abcdef") == std::string::npos)
        facts.build_id = words.back();
      return;
    }
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

} // namespace

LogFacts read_facts(std::string_view report, std::string_view log) {
  LogFacts facts;
  for (std::string_view raw : base::lines_of(log)) {
    std::string_view line = strip_prefix(raw).text;
    read_banner(line, facts);
    read_offset(line, facts);
    if ((line.starts_with("Kernel command line: ") || line.starts_with("Command line: ")) &&
        (std::string(line) + ' ').find(" nokaslr ") != std::string::npos)
      facts.kernel_offset = 0;
  }
  for (std::string_view raw : base::lines_of(report)) {
    std::string_view line = strip_prefix(raw).text;
    read_cpu_line(line, facts);
    read_offset(line, facts);
  }
  return facts;
}

} // namespace harness
