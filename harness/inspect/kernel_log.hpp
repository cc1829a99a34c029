// The kernel's log, out of a guest's memory.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "harness/inspect/kernel_memory.hpp"
#include "harness/inspect/log_source.hpp"
#include "harness/inspect/log_text.hpp"

namespace harness {

enum class LogLevels {
  console, // what the console prints: by the guest's loglevel as it is when the log is read
  all,
};

// Reads the log of a guest that runs or stands still, by what is new. The ring buffers of Linux
// 3.11 to 7.x. One thread at a time.
class LogReader {
 public:
  // kernel is borrowed. Nothing is read yet.
  LogReader(const KernelImage& kernel, KernelMemory::ReadPhysical read, LogLevels levels);

  // What was logged since the last call, as the console prints it, without its carriage returns:
  // each line with the time, and where the kernel's console shows it the caller. A record that may
  // still be continued comes when it is complete; none comes twice; of those that were overwritten
  // before they could be read a line tells the number. "" where there is nothing new; some
  // thousand records at most: there may be more as long as it is not "". Nothing where the log
  // cannot be read (yet): why() says why. What read throws comes through.
  std::optional<std::string> take();

  // All that is left, for a guest that will not write any more: also what was never completed.
  std::optional<std::string> take_rest();

  // Why the last call returned nothing; one line.
  const std::string& why() const { return why_; }

 private:
  using Shown = std::array<bool, 8>; // by level

  bool is_ready();
  bool has_started();
  bool find_source();
  bool shows(unsigned level) const;
  Shown levels_shown();
  LogStyle style() const;
  std::optional<std::string> take(bool unfinished);

  KernelMemory memory_;
  LogLevels levels_;
  LogPrinter printer_;
  std::unique_ptr<LogSource> source_;
  bool started_ = false;            // the kernel is in the guest's memory
  bool caller_ = false;             // lines have their caller
  bool fragments_ = false;          // LogStyle's
  std::optional<bool> debug_shown_; // at the last look that found something
  std::uint64_t next_ = 0;          // sequence of the next record
  std::string why_;
};

} // namespace harness
