// The kernel's own unwind tables (ORC), of v4.14 and later.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "harness/inspect/frame_registers.hpp"

namespace harness {

// How the 16 bits of an entry are laid out (arch/x86/include/asm/orc_types.h).
enum class OrcForm {
  v4_14, // sp_reg:4 bp_reg:4 type:2 end:1
  v6_3,  // sp_reg:4 bp_reg:4 type:2 signal:1 end:1
  v6_4,  // sp_reg:4 bp_reg:4 type:3 signal:1
};

enum class OrcType { undefined, end_of_stack, call, regs, regs_partial };

struct OrcEntry {
  std::int16_t sp_offset = 0;
  std::int16_t bp_offset = 0;
  unsigned sp_reg = 0; // ORC_REG_*
  unsigned bp_reg = 0;
  OrcType type = OrcType::undefined;
  bool exact = false; // the frame above was interrupted, it called nothing
};

class OrcTable {
 public:
  OrcTable() = default;
  // Of the sections .orc_unwind_ip, which is linked to ips_address, and .orc_unwind. Kernels before
  // v5.6 sort them when they boot: any order will do. Left-over bytes are ignored. late_offset: an
  // indirect stack pointer gets its offset after it was read, as from v5.12 on.
  OrcTable(std::string_view ips, std::uint64_t ips_address, std::string_view entries, OrcForm form,
           bool late_offset);

  bool empty() const { return rows_.empty(); }
  bool late_offset() const { return late_offset_; }
  // What holds at a linked address; nothing before the first entry.
  std::optional<OrcEntry> find(std::uint64_t address) const;

 private:
  struct Row {
    std::uint64_t address;
    OrcEntry entry;
  };
  std::vector<Row> rows_; // by address
  bool late_offset_ = true;
};

struct OrcStep {
  enum class Result {
    failed,      // the table does not cover it, or the stack cannot be read
    end,         // the stack ends here
    caller,      // registers are of the function that called
    interrupted, // registers are of what was interrupted
  };
  Result result = Result::failed;
  FrameRegisters registers;
};

// One step up the stack from frame (arch/x86/kernel/unwind_orc.c).
OrcStep orc_step(const OrcTable& table, const FrameRegisters& frame, const ReadKernel& read);

} // namespace harness
