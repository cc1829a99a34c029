// A kernel crash as data.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace harness {

// The process of a fuzzer's executor that last announced a program before the crash.
struct ExecutorInfo {
  unsigned proc = 0;
  unsigned id = 0;
};

struct CrashReport {
  std::string title; // "possible deadlock in vhost_process_iotlb_msg"
  std::vector<std::string> alt_titles;
  std::string type;  // LOCKDEP, HANG, BUG, WARNING, KASAN-USE-AFTER-FREE-READ, ...; may be empty
  std::string frame; // the guilty function; empty when the log shows none
  bool corrupted = false;
  std::string corrupted_reason;
  bool suppressed = false; // not a crash to report (out of memory, for one)
  bool panicked = false;   // the log goes on to a panic
  std::size_t start = 0;   // byte offsets into the log
  std::size_t end = 0;
  std::optional<ExecutorInfo> executor;
  std::string text; // the raw lines of the report, without printk prefixes
};

// The crashes of a console log in order of appearance, at most the first 100; empty when there is
// none. A crash that follows from one before it (the oops of a BUG line, the panic after a WARNING)
// is part of that one. Any bytes are accepted; never throws on content.
std::vector<CrashReport> parse_log(std::string_view log);

// Watches a console as it comes, in any pieces.
class CrashScanner {
 public:
  // Takes more bytes. Returns true once the first line of a crash is complete: parse_log of all
  // that was fed is not empty then.
  bool feed(std::string_view bytes);
  bool seen() const { return seen_; }

 private:
  std::string line_; // the unfinished last line, at most 4 KiB of it
  bool seen_ = false;
  bool stamped_ = false; // the kernel has printed a line
};

} // namespace harness
