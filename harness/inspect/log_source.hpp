// Where the records of a kernel's log are read from, whatever their format.
#pragma once

#include <cstddef>
#include <vector>

#include "harness/inspect/kernel_memory.hpp"
#include "harness/inspect/log_text.hpp"

namespace harness {

// Keeps where it has read to.
class LogSource {
 public:
  // Of one take(), about; and bytes of one record: the kernel's own limit is below it.
  static constexpr std::size_t max_records = 4'096;
  static constexpr std::size_t max_text = 4'096;

  virtual ~LogSource() = default;

  // Adds records that are complete and were not there at the last call, by their sequence, up to
  // max_records; records that were overwritten before they could be read are missing. unfinished:
  // also what may still grow, and what follows a record that nobody completes; for a guest that
  // writes no more. False where memory does not hold a log.
  virtual bool take(const KernelMemory& memory, bool unfinished,
                    std::vector<LogRecord>& records) = 0;
};

} // namespace harness
