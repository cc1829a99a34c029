#include "harness/inspect/unwind.hpp"

#include <charconv>
#include <optional>
#include <utility>

#include "harness/inspect/cfi.hpp"

namespace harness {

namespace {

constexpr std::size_t most_frames = 128;
constexpr unsigned most_switches = 8;             // from one stack to another
constexpr std::uint64_t largest_stack = 64 << 10; // bytes, with KASAN

// Where modules and what is made at run time have their code
// (Documentation/arch/x86/x86_64/mm.rst).
constexpr std::uint64_t modules_begin = 0xffffffffa0000000;
constexpr std::uint64_t modules_end = 0xffffffffff000000;

struct Step {
  FrameRegisters registers;
  UnwindStep how;
};

// Whether the bytes before address are a call: e8 and a distance of 32 bits, or one through a
// register or memory (ff /2) of 2, 3, 6 or 7 bytes.
bool follows_call(const ReadKernel& read, std::uint64_t address) {
  std::array<std::uint8_t, 7> bytes{};
  if (!read(address - bytes.size(), bytes))
    return false;
  const auto indirect = [&bytes](std::size_t size) {
    const std::size_t at = bytes.size() - size;
    return bytes[at] == 0xff && (bytes[at + 1] >> 3 & 7) == 2;
  };
  return bytes[2] == 0xe8 || indirect(2) || indirect(3) || indirect(6) || indirect(7);
}

class Walk {
 public:
  Walk(const UnwindTables& tables, const ReadKernel& read) : tables_(tables), read_(read) {}

  // The next frame; nothing at the end.
  std::optional<Step> next(const FrameRegisters& frame) {
    const OrcStep step = orc_step(table_of(frame.ip), frame, read_);
    if (step.result == OrcStep::Result::end)
      return std::nullopt;
    if (step.result == OrcStep::Result::caller && goes_on(frame, step.registers))
      return Step{step.registers, UnwindStep::orc};
    if (step.result == OrcStep::Result::interrupted && goes_on(frame, step.registers))
      return Step{step.registers, UnwindStep::interrupt};
    if (const auto found = cfi_step(tables_.cfi, frame, read_); found && goes_on(frame, *found))
      return Step{*found, UnwindStep::cfi};
    return without_tables(frame);
  }

 private:
  const OrcTable& table_of(std::uint64_t address) const {
    for (const ModuleOrc& module : tables_.modules)
      if (address - module.base < module.size)
        return module.table;
    return tables_.orc;
  }

  bool is_code(std::uint64_t address) const { return tables_.code(address) != CodeKind::none; }

  // Whether a frame can be the one above another; counts changes of the stack.
  bool goes_on(const FrameRegisters& from, const FrameRegisters& to) {
    if (!is_code(to.ip) || !to.general[rsp] || !is_kernel_address(*to.general[rsp]))
      return false;
    if (!from.general[rsp])
      return true;
    const std::uint64_t up = *to.general[rsp] - *from.general[rsp];
    return (up != 0 && up < largest_stack) || ++switches_ <= most_switches;
  }

  std::optional<Step> without_tables(const FrameRegisters& frame) {
    const std::uint64_t bp = frame.general[rbp].value_or(0);
    const bool usable = is_kernel_address(bp);
    std::optional<Step> found;
    if (usable && bp % 2 == 1)
      found = by_saved_registers(frame, bp - 1);
    if (!found)
      found = by_interrupt_entry(frame);
    if (!found)
      found = by_return_word(frame);
    if (!found && usable && bp % 8 == 0)
      found = by_frame_pointer(frame, bp);
    if (!found && tables_.code(frame.ip) == CodeKind::module)
      found = by_guess(frame);
    return found;
  }

  // An interrupt's entry that has not yet marked its registers: what the CPU pushed is some words
  // up the stack. The CPU aligns the stack before it pushes, so that a frame shows where it lies.
  std::optional<Step> by_interrupt_entry(const FrameRegisters& frame) {
    constexpr std::uint64_t pushed = 40;
    constexpr std::uint64_t most_words = 17; // of a struct pt_regs below that, and a return address
    const auto sp = frame.general[rsp];
    if (!frame.exact || !sp || !is_kernel_address(*sp) || *sp % 8 != 0)
      return std::nullopt;
    for (std::uint64_t at = *sp; at < *sp + most_words * 8; at += 8) {
      auto found = read_interrupt_frame(read_, at);
      if (!found)
        return std::nullopt;
      const std::uint64_t before = found->registers.general[rsp].value_or(0);
      if (found->user || (before & ~std::uint64_t{15}) != at + pushed ||
          !is_code(found->registers.ip))
        continue;
      found->registers.general[rbp] = frame.general[rbp];
      return Step{found->registers, UnwindStep::interrupt};
    }
    return std::nullopt;
  }

  // Assembly that was interrupted and keeps nothing on the stack: its caller is on top.
  std::optional<Step> by_return_word(const FrameRegisters& frame) {
    if (!frame.exact || !frame.general[rsp] || !is_kernel_address(*frame.general[rsp]))
      return std::nullopt;
    const auto word = read_word(read_, *frame.general[rsp]);
    if (!word || !is_code(*word) || !follows_call(read_, *word))
      return std::nullopt;
    FrameRegisters caller = frame;
    caller.ip = *word;
    caller.exact = false;
    caller.general[rsp] = *frame.general[rsp] + 8;
    return Step{caller, UnwindStep::return_word};
  }

  // An odd RBP marks registers on the stack (ENCODE_FRAME_POINTER in
  // arch/x86/include/asm/frame.h, from v4.10 on).
  std::optional<Step> by_saved_registers(const FrameRegisters& frame, std::uint64_t address) {
    const auto found = read_pt_regs(read_, address);
    if (!found || found->user || !goes_on(frame, found->registers))
      return std::nullopt;
    return Step{found->registers, UnwindStep::interrupt};
  }

  std::optional<Step> by_frame_pointer(const FrameRegisters& frame, std::uint64_t bp) {
    const auto saved = read_word(read_, bp);
    const auto ip = read_word(read_, bp + 8);
    if (!saved || !ip)
      return std::nullopt;
    FrameRegisters caller;
    caller.ip = *ip;
    caller.general[rbp] = *saved;
    caller.general[rsp] = bp + 16;
    if (!goes_on(frame, caller))
      return std::nullopt;
    return Step{caller, UnwindStep::frame_pointer};
  }

  // The next word up the stack that follows a call: for modules, whose tables are not at hand. It
  // may be a stale one.
  std::optional<Step> by_guess(const FrameRegisters& frame) {
    constexpr std::uint64_t most_words = 64;
    const std::uint64_t sp = frame.general[rsp].value_or(0);
    if (!is_kernel_address(sp) || sp % 8 != 0)
      return std::nullopt;
    for (std::uint64_t at = sp; at < sp + most_words * 8; at += 8) {
      const auto word = read_word(read_, at);
      if (!word)
        return std::nullopt;
      if (!is_code(*word) || !follows_call(read_, *word))
        continue;
      FrameRegisters caller = frame;
      caller.ip = *word;
      caller.exact = false;
      caller.general[rsp] = at + 8;
      return Step{caller, UnwindStep::guess};
    }
    return std::nullopt;
  }

  const UnwindTables& tables_;
  const ReadKernel& read_;
  unsigned switches_ = 0;
};

StackFrame frame_from(const Step& step, const UnwindTables& tables) {
  return {step.registers.ip, step.registers.exact, step.registers.general[rsp].value_or(0),
          step.how, tables.code(step.registers.ip) == CodeKind::module};
}

struct Range {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  bool has(std::uint64_t address) const { return address >= begin && address < end; }
};

// Between two symbols; empty where one is missing.
Range range_of(const SymbolTable& symbols, std::string_view first, std::string_view last) {
  const auto begin = symbols.address(first);
  const auto end = symbols.address(last);
  return begin && end ? Range{*begin, *end} : Range{};
}

// "6.1.0" as 601; nothing for what is no release.
std::optional<unsigned> release_number(std::string_view release) {
  unsigned major = 0;
  unsigned minor = 0;
  const char* end = release.data() + release.size();
  const auto first = std::from_chars(release.data(), end, major);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != '.' ||
      std::from_chars(first.ptr + 1, end, minor).ec != std::errc() || minor >= 100)
    return std::nullopt;
  return major * 100 + minor;
}

} // namespace

OrcForm orc_form(std::string_view release) {
  const unsigned number = release_number(release).value_or(~0u);
  if (number < 603)
    return OrcForm::v4_14;
  return number < 604 ? OrcForm::v6_3 : OrcForm::v6_4;
}

UnwindTables unwind_tables(const DebugFile& file) {
  UnwindTables tables;
  const std::string release = file.release();
  const ElfSection ips = file.section(".orc_unwind_ip");
  tables.orc = OrcTable(orc_form(release), release_number(release).value_or(~0u) >= 512);
  tables.orc.add(ips.bytes, ips.address, file.section(".orc_unwind").bytes);
  tables.cfi = dwarf_getcfi(file.dwarf());
  tables.code = [text = range_of(file.symbols(), "_stext", "_etext"),
                 init =
                     range_of(file.symbols(), "_sinittext", "_einittext")](std::uint64_t address) {
    if (text.has(address) || init.has(address))
      return CodeKind::kernel;
    return address >= modules_begin && address < modules_end ? CodeKind::module : CodeKind::none;
  };
  return tables;
}

std::vector<StackFrame> unwind(const UnwindTables& tables, const FrameRegisters& start,
                               const ReadKernel& read) {
  std::vector<StackFrame> frames;
  Walk walk(tables, read);
  std::optional<Step> step(Step{start, UnwindStep::start});
  while (step && frames.size() < most_frames) {
    frames.push_back(frame_from(*step, tables));
    step = walk.next(step->registers);
  }
  return frames;
}

} // namespace harness
