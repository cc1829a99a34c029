#include "harness/inspect/orc.hpp"

#include <algorithm>

#include "harness/report/byte_reader.hpp"

namespace harness {

namespace {

// ORC_REG_* of arch/x86/include/asm/orc_types.h.
enum OrcRegister : unsigned {
  orc_undefined,
  orc_prev_sp,
  orc_dx,
  orc_di,
  orc_bp,
  orc_sp,
  orc_r10,
  orc_r13,
  orc_bp_indirect,
  orc_sp_indirect,
};

constexpr std::size_t entry_size = 6;

// type and end of the forms before v6.4.
OrcType old_type(unsigned type, bool end, unsigned sp_reg) {
  if (sp_reg == orc_undefined)
    return end ? OrcType::end_of_stack : OrcType::undefined;
  switch (type) {
  case 0:
    return OrcType::call;
  case 1:
    return OrcType::regs;
  case 2:
    return OrcType::regs_partial;
  default:
    return OrcType::undefined;
  }
}

OrcType new_type(unsigned type) {
  return type <= static_cast<unsigned>(OrcType::regs_partial) ? static_cast<OrcType>(type)
                                                              : OrcType::undefined;
}

OrcEntry decode(std::string_view bytes, OrcForm form) {
  ByteReader reader(bytes);
  OrcEntry entry;
  entry.sp_offset = static_cast<std::int16_t>(reader.fixed(2));
  entry.bp_offset = static_cast<std::int16_t>(reader.fixed(2));
  const auto bits = static_cast<unsigned>(reader.fixed(2));
  entry.sp_reg = bits & 0xf;
  entry.bp_reg = bits >> 4 & 0xf;
  switch (form) {
  case OrcForm::v4_14:
    entry.type = old_type(bits >> 8 & 3, (bits >> 10 & 1) != 0, entry.sp_reg);
    entry.exact = entry.type == OrcType::regs || entry.type == OrcType::regs_partial;
    break;
  case OrcForm::v6_3:
    entry.type = old_type(bits >> 8 & 3, (bits >> 11 & 1) != 0, entry.sp_reg);
    entry.exact = (bits >> 10 & 1) != 0;
    break;
  case OrcForm::v6_4:
    entry.type = new_type(bits >> 8 & 7);
    entry.exact = (bits >> 11 & 1) != 0;
    break;
  }
  return entry;
}

// The general register that a base stands for; nothing where it is none.
std::optional<std::uint64_t> base_of(unsigned reg, const FrameRegisters& frame) {
  switch (reg) {
  case orc_dx:
    return frame.general[rdx];
  case orc_di:
    return frame.general[rdi];
  case orc_bp:
  case orc_bp_indirect:
    return frame.general[rbp];
  case orc_sp:
  case orc_sp_indirect:
    return frame.general[rsp];
  case orc_r10:
    return frame.general[r10];
  case orc_r13:
    return frame.general[r13];
  default:
    return std::nullopt;
  }
}

std::uint64_t plus(std::uint64_t base, std::int16_t offset) {
  return base + static_cast<std::uint64_t>(std::int64_t{offset});
}

// The stack pointer before the call, or where the registers lie.
std::optional<std::uint64_t> previous_sp(const OrcEntry& entry, const FrameRegisters& frame,
                                         bool late_offset, const ReadKernel& read) {
  const auto base = base_of(entry.sp_reg, frame);
  if (!base)
    return std::nullopt;
  if (entry.sp_reg == orc_sp_indirect && late_offset) {
    const auto found = read_word(read, *base);
    return found ? std::optional(plus(*found, entry.sp_offset)) : std::nullopt;
  }
  const std::uint64_t at = plus(*base, entry.sp_offset);
  const bool indirect = entry.sp_reg == orc_sp_indirect || entry.sp_reg == orc_bp_indirect;
  return indirect ? read_word(read, at) : at;
}

std::optional<std::uint64_t> previous_bp(const OrcEntry& entry, const FrameRegisters& frame,
                                         std::uint64_t sp, const ReadKernel& read) {
  if (entry.bp_reg == orc_prev_sp)
    return read_word(read, plus(sp, entry.bp_offset));
  if (entry.bp_reg == orc_bp && frame.general[rbp])
    return read_word(read, plus(*frame.general[rbp], entry.bp_offset));
  return entry.bp_reg == orc_undefined ? frame.general[rbp] : std::nullopt;
}

OrcStep to_caller(const OrcEntry& entry, const FrameRegisters& frame, std::uint64_t sp,
                  const ReadKernel& read) {
  const auto ip = read_word(read, sp - 8);
  if (!ip)
    return {};
  FrameRegisters caller;
  caller.ip = *ip;
  caller.general[rsp] = sp;
  caller.general[rbp] = previous_bp(entry, frame, sp, read);
  return {OrcStep::Result::caller, caller};
}

OrcStep to_interrupted(const OrcEntry& entry, const FrameRegisters& frame, std::uint64_t sp,
                       const ReadKernel& read) {
  auto found =
      entry.type == OrcType::regs ? read_pt_regs(read, sp) : read_interrupt_frame(read, sp);
  if (!found)
    return {};
  if (found->user)
    return {OrcStep::Result::end, {}};
  if (entry.type == OrcType::regs_partial)
    found->registers.general[rbp] = previous_bp(entry, frame, sp, read);
  found->registers.exact = entry.exact;
  return {OrcStep::Result::interrupted, found->registers};
}

} // namespace

OrcTable::OrcTable(std::string_view ips, std::uint64_t ips_address, std::string_view entries,
                   OrcForm form, bool late_offset)
    : late_offset_(late_offset) {
  const std::size_t count = std::min(ips.size() / 4, entries.size() / entry_size);
  rows_.reserve(count);
  ByteReader reader(ips);
  for (std::size_t i = 0; i < count; ++i) {
    const auto relative = static_cast<std::int32_t>(static_cast<std::uint32_t>(reader.fixed(4)));
    const std::uint64_t address =
        ips_address + 4 * i + static_cast<std::uint64_t>(std::int64_t{relative});
    rows_.push_back({address, decode(entries.substr(i * entry_size, entry_size), form)});
  }
  // Where a section ends and another begins the real entry comes last, and is found.
  std::stable_sort(rows_.begin(), rows_.end(), [](const Row& a, const Row& b) {
    if (a.address != b.address)
      return a.address < b.address;
    return a.entry.type == OrcType::undefined && b.entry.type != OrcType::undefined;
  });
}

std::optional<OrcEntry> OrcTable::find(std::uint64_t address) const {
  const auto after =
      std::upper_bound(rows_.begin(), rows_.end(), address,
                       [](std::uint64_t wanted, const Row& row) { return wanted < row.address; });
  if (after == rows_.begin())
    return std::nullopt;
  return std::prev(after)->entry;
}

OrcStep orc_step(const OrcTable& table, const FrameRegisters& frame, const ReadKernel& read) {
  // A call may be a function's last instruction.
  const auto entry = table.find(frame.ip - (frame.exact ? 0 : 1));
  if (!entry || entry->type == OrcType::undefined)
    return {};
  if (entry->type == OrcType::end_of_stack)
    return {OrcStep::Result::end, {}};
  const auto sp = previous_sp(*entry, frame, table.late_offset(), read);
  if (!sp)
    return {};
  return entry->type == OrcType::call ? to_caller(*entry, frame, *sp, read)
                                      : to_interrupted(*entry, frame, *sp, read);
}

} // namespace harness
