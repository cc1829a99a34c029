// The log of Linux 5.10 and later: kernel/printk/printk_ringbuffer.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "harness/inspect/log_source.hpp"

namespace harness {

// Where its parts are; Documentation/admin-guide/kdump/vmcoreinfo.rst lists them for the same use.
struct PrintkRingFormat {
  std::uint64_t pointer = 0; // address of prb
  std::size_t ring_size = 0; // bytes, as all sizes
  Member count_bits, descs, infos, head_id, tail_id, size_bits, data;
  std::size_t desc_size = 0;
  Member state, begin, next;
  std::size_t info_size = 0;
  Member sequence, nanoseconds, text_length, level, flags, caller;

  // Nothing where this kernel's log is another.
  static std::optional<PrintkRingFormat> of(const KernelImage& kernel);
};

class PrintkRing : public LogSource {
 public:
  explicit PrintkRing(const PrintkRingFormat& format) : format_(format) {}
  bool take(const KernelMemory& memory, bool unfinished, std::vector<LogRecord>& records) override;

 private:
  struct Ring {
    std::uint64_t address = 0;
    std::uint64_t count = 0; // descriptors
    std::uint64_t descs = 0, infos = 0;
    std::uint64_t head_id = 0, tail_id = 0;
    std::uint64_t data_size = 0, data = 0;
  };
  enum class Found { record, nothing, not_yet };

  std::optional<Ring> look(const KernelMemory& memory) const;
  std::uint64_t catch_up(const Ring& ring);
  bool take_batch(const KernelMemory& memory, const Ring& ring, std::uint64_t count,
                  bool unfinished, std::vector<LogRecord>& records);
  static Found judge(std::uint64_t state, std::uint64_t id, bool unfinished);
  std::optional<std::string> text_of(const KernelMemory& memory, const Ring& ring,
                                     std::span<const std::uint8_t> desc, std::uint64_t id,
                                     std::size_t length) const;

  PrintkRingFormat format_;
  std::uint64_t ring_ = 0;    // that next_id_ belongs to; 0: none yet
  std::uint64_t next_id_ = 0; // of the next record
};

} // namespace harness
