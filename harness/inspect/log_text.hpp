// A record of the kernel's log as its console prints it.
#pragma once

#include <cstdint>
#include <string>

namespace harness {

struct LogRecord {
  std::uint64_t sequence = 0; // counts from 0 at boot
  std::uint64_t nanoseconds = 0;
  std::uint32_t caller = 0;
  unsigned level = 0;
  unsigned flags = 0; // enum log_flags of kernel/printk
  std::string text;   // as it was logged, without its last newline
};

// How the running kernel prefixes lines.
struct LogStyle {
  bool time = true;       // printk.time
  bool caller = false;    // CONFIG_PRINTK_CALLER
  bool fragments = false; // up to 4.9: parts of a line are records of their own
};

// Remembers what a fragment continues.
class LogPrinter {
 public:
  // Each line of the record with its prefix and a newline (the last one without it where it is to
  // be continued).
  std::string print(const LogRecord& record, const LogStyle& style);
  // The line by which a console tells that there were records it missed.
  std::string print_dropped(std::uint64_t count);

 private:
  unsigned before_ = 0; // flags of the last record
};

} // namespace harness
