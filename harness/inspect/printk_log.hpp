// The log of Linux 3.11 to 5.9: struct printk_log of kernel/printk/printk.c.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "harness/inspect/log_source.hpp"

namespace harness {

// Records of any length behind each other; the one that would cross the buffer's end begins at its
// start, and a record of length 0 says so.
struct PrintkLogFormat {
  // Addresses of the variables of that name.
  std::uint64_t log_buf = 0, log_buf_len = 0;
  std::uint64_t first_sequence = 0, first_index = 0, next_sequence = 0, next_index = 0;
  std::size_t header_size = 0; // bytes
  Member nanoseconds, length, text_length, level, flags;
  std::optional<Member> caller; // with CONFIG_PRINTK_CALLER

  // Nothing where this kernel's log is another.
  static std::optional<PrintkLogFormat> of(const KernelImage& kernel);
};

class PrintkLog : public LogSource {
 public:
  explicit PrintkLog(const PrintkLogFormat& format) : format_(format) {}
  // Records are always complete.
  bool take(const KernelMemory& memory, bool unfinished, std::vector<LogRecord>& records) override;

 private:
  struct Place {
    std::uint64_t sequence = 0;
    std::uint32_t index = 0; // bytes from the buffer's start
  };
  struct Buffer {
    std::uint64_t address = 0;
    std::uint32_t size = 0;
  };

  std::optional<Place> oldest(const KernelMemory& memory) const;
  std::optional<Buffer> buffer(const KernelMemory& memory) const;
  std::optional<LogRecord> record_at(const KernelMemory& memory, const Buffer& buffer,
                                     Place& place) const;

  PrintkLogFormat format_;
  Place next_;
};

} // namespace harness
