#include "harness/inspect/unwind.hpp"

#include <string>

#include <catch2/catch.hpp>

#include "harness/inspect/orc.hpp"
#include "tests/unit/inspect/guest_pages.hpp"

namespace {

constexpr std::uint64_t text = 0xffffffff81000000;
constexpr std::uint64_t stack = 0xffffc90000010000;

struct Guest {
  GuestPages memory;
  harness::UnwindTables tables;
  harness::ReadKernel read = [this](std::uint64_t address, std::span<std::uint8_t> to) {
    return memory.read(address, to);
  };

  Guest() {
    tables.code = [](std::uint64_t address) {
      if (address >= text && address < text + 0x10000)
        return harness::CodeKind::kernel;
      return address >= 0xffffffffa0000000 && address < 0xffffffffff000000
                 ? harness::CodeKind::module
                 : harness::CodeKind::none;
    };
    for (std::uint64_t page = 0; page < 4; ++page)
      memory.put<std::uint64_t>(stack + page * GuestPages::page_size, 0);
  }

  void word(std::uint64_t offset, std::uint64_t value) { memory.put(stack + offset, value); }

  std::vector<std::uint64_t> ips(const harness::FrameRegisters& start) const {
    std::vector<std::uint64_t> all;
    for (const harness::StackFrame& frame : unwind(tables, start, read))
      all.push_back(frame.ip - text);
    return all;
  }
};

harness::FrameRegisters at(std::uint64_t ip, std::uint64_t sp, std::uint64_t bp) {
  harness::FrameRegisters frame;
  frame.ip = text + ip;
  frame.exact = true;
  frame.general[harness::rsp] = sp;
  frame.general[harness::rbp] = bp;
  return frame;
}

void append(std::string& bytes, std::uint64_t value, unsigned size) {
  for (unsigned i = 0; i < size; ++i)
    bytes += static_cast<char>(value >> (8 * i) & 0xff);
}

// Sections as the linker makes them.
struct OrcBytes {
  std::string ips;
  std::string entries;
  static constexpr std::uint64_t address = text + 0x8000;

  void add(std::uint64_t ip, int sp_offset, int bp_offset, unsigned bits) {
    append(ips, text + ip - (address + ips.size()), 4);
    append(entries, static_cast<std::uint64_t>(sp_offset), 2);
    append(entries, static_cast<std::uint64_t>(bp_offset), 2);
    append(entries, bits, 2);
  }
  harness::OrcTable table(harness::OrcForm form, bool late = true) const {
    harness::OrcTable table(form, late);
    table.add(ips, address, entries);
    return table;
  }
};

// sp_reg, bp_reg and type of v6.4.
constexpr unsigned bits(unsigned sp_reg, unsigned bp_reg, unsigned type, unsigned signal = 0) {
  return sp_reg | bp_reg << 4 | type << 8 | signal << 11;
}
constexpr unsigned reg_prev_sp = 1;
constexpr unsigned reg_bp = 4;
constexpr unsigned reg_sp = 5;
constexpr unsigned reg_sp_indirect = 9;

} // namespace

TEST_CASE("frame pointers are followed as long as they go up") {
  Guest guest;
  guest.word(0x100, stack + 0x140);
  guest.word(0x108, text + 0x200);
  guest.word(0x140, stack + 0x180);
  guest.word(0x148, text + 0x300);
  guest.word(0x180, 0);
  guest.word(0x188, 0x1234); // no code
  CHECK(guest.ips(at(0x100, stack + 0xf0, stack + 0x100)) ==
        std::vector<std::uint64_t>{0x100, 0x200, 0x300});
}

TEST_CASE("a frame that points back, to itself or nowhere ends a stack") {
  Guest guest;
  guest.word(0x100, stack + 0x100); // to itself
  guest.word(0x108, text + 0x200);
  CHECK(guest.ips(at(0x100, stack + 0xf0, stack + 0x100)).size() < 16);
  guest.word(0x200, stack + 0x240); // two that point at each other
  guest.word(0x208, text + 0x200);
  guest.word(0x240, stack + 0x200);
  guest.word(0x248, text + 0x300);
  CHECK(guest.ips(at(0x100, stack + 0x1f0, stack + 0x200)).size() < 32);
  for (const std::uint64_t bp : {std::uint64_t{0}, std::uint64_t{8}, ~std::uint64_t{0},
                                 stack + 0x104, stack + 0x100000, std::uint64_t{1} << 47})
    CHECK(guest.ips(at(0x100, stack, bp)) == std::vector<std::uint64_t>{0x100});
  harness::FrameRegisters nothing;
  CHECK(unwind(guest.tables, nothing, guest.read).size() == 1);
}

TEST_CASE("a stack as deep as memory goes is cut") {
  Guest guest;
  for (std::uint64_t offset = 0; offset < 0x3ff0; offset += 16) {
    guest.word(offset, stack + offset + 16);
    guest.word(offset + 8, text + 0x200);
  }
  CHECK(guest.ips(at(0x100, stack - 8, stack)).size() == 128);
}

TEST_CASE("an odd frame pointer leads over the registers of an interrupt, not into user space") {
  Guest guest;
  const std::uint64_t regs = stack + 0x200;
  guest.memory.put<std::uint64_t>(regs + 32, stack + 0x400);  // bp
  guest.memory.put<std::uint64_t>(regs + 128, text + 0x500);  // ip
  guest.memory.put<std::uint64_t>(regs + 136, 0x10);          // cs
  guest.memory.put<std::uint64_t>(regs + 152, stack + 0x3f0); // sp
  guest.word(0x400, 0);
  guest.word(0x408, text + 0x600);
  const auto frames = unwind(guest.tables, at(0x100, stack + 0x1f0, regs + 1), guest.read);
  REQUIRE(frames.size() == 3);
  CHECK(frames[1].ip == text + 0x500);
  CHECK(frames[1].exact);
  CHECK(frames[1].how == harness::UnwindStep::interrupt);
  CHECK(frames[2].ip == text + 0x600);
  guest.memory.put<std::uint64_t>(regs + 136, 0x33);
  CHECK(unwind(guest.tables, at(0x100, stack + 0x1f0, regs + 1), guest.read).size() == 1);
}

TEST_CASE("a function without a frame is left by the word on the stack that follows a call") {
  Guest guest;
  guest.word(0x100, text + 0x205);
  guest.memory.put<std::uint8_t>(text + 0x200, 0xe8);
  guest.word(0x180, 0);
  guest.word(0x188, text + 0x300);
  auto frames = unwind(guest.tables, at(0x100, stack + 0x100, stack + 0x180), guest.read);
  REQUIRE(frames.size() == 3);
  CHECK(frames[1].ip == text + 0x205);
  CHECK(frames[1].how == harness::UnwindStep::return_word);
  CHECK(frames[2].ip == text + 0x300);
  guest.memory.put<std::uint8_t>(text + 0x200, 0x90);
  frames = unwind(guest.tables, at(0x100, stack + 0x100, stack + 0x180), guest.read);
  REQUIRE(frames.size() == 2);
  CHECK(frames[1].ip == text + 0x300);
}

TEST_CASE("an interrupt's entry is crossed by what the CPU pushed") {
  Guest guest;
  const std::uint64_t pushed = stack + 0x118;
  guest.memory.put<std::uint64_t>(pushed, text + 0x500);         // ip
  guest.memory.put<std::uint64_t>(pushed + 8, 0x10);             // cs
  guest.memory.put<std::uint64_t>(pushed + 24, pushed + 40 + 8); // sp, before it was aligned
  guest.memory.put<std::uint64_t>(pushed + 32, 0x18);            // ss
  auto frames = unwind(guest.tables, at(0x100, stack + 0x100, 0), guest.read);
  REQUIRE(frames.size() == 2);
  CHECK(frames[1].ip == text + 0x500);
  CHECK(frames[1].exact);
  CHECK(frames[1].how == harness::UnwindStep::interrupt);
  guest.memory.put<std::uint64_t>(pushed + 24, pushed + 40 + 16); // left over from elsewhere
  CHECK(unwind(guest.tables, at(0x100, stack + 0x100, 0), guest.read).size() == 1);
  guest.memory.put<std::uint64_t>(pushed + 24, pushed + 40);
  guest.memory.put<std::uint64_t>(pushed + 8, 0x33); // from user space
  CHECK(unwind(guest.tables, at(0x100, stack + 0x100, 0), guest.read).size() == 1);
}

TEST_CASE("a module's frames are marked") {
  Guest guest;
  guest.word(0x100, stack + 0x140);
  guest.word(0x108, 0xffffffffa0001234);
  guest.word(0x148, text + 0x300);
  const auto frames = unwind(guest.tables, at(0x100, stack + 0xf0, stack + 0x100), guest.read);
  REQUIRE(frames.size() == 3);
  CHECK(frames[1].module);
  CHECK(!frames[2].module);
}

TEST_CASE("ORC entries are found by address, in whatever order, and of several the real one") {
  OrcBytes bytes;
  bytes.add(0x300, 16, 0, bits(reg_sp, 0, 2));
  bytes.add(0x100, 8, 0, bits(reg_sp, 0, 2));
  bytes.add(0x200, 24, 0, bits(reg_sp, 0, 2));
  bytes.add(0x200, 0, 0, 0); // the end of a section
  bytes.add(0x400, 0, 0, 0);
  const harness::OrcTable table = bytes.table(harness::OrcForm::v6_4);
  CHECK(!table.find(text + 0xff));
  CHECK(table.find(text + 0x100)->sp_offset == 8);
  CHECK(table.find(text + 0x1ff)->sp_offset == 8);
  CHECK(table.find(text + 0x200)->sp_offset == 24);
  CHECK(table.find(text + 0x3ff)->sp_offset == 16);
  CHECK(table.find(text + 0x400)->type == harness::OrcType::undefined);
  CHECK(!harness::OrcTable().find(text));
  harness::OrcTable cut(harness::OrcForm::v6_4, true);
  cut.add("abcdefg", text, "0123456789");
  CHECK(!cut.empty());
  CHECK(!cut.find(0));
}

TEST_CASE("ORC bits of older kernels") {
  OrcBytes bytes;
  bytes.add(0x100, 8, -16, 5 | 1 << 4);         // a call
  bytes.add(0x200, 8, 0, 5 | 1 << 8);           // registers
  bytes.add(0x300, 8, 0, 5 | 2 << 8);           // some of them
  bytes.add(0x400, 0, 0, 1 << 10 | 1 << 11);    // v4.14: end; v6.3: signal and end
  bytes.add(0x500, 0, 0, 0);                    // nothing known
  bytes.add(0x600, 8, 0, 5 | 1 << 8 | 1 << 10); // v6.3: registers, exact
  using harness::OrcType;
  const auto old = bytes.table(harness::OrcForm::v4_14);
  CHECK(old.find(text + 0x100)->type == OrcType::call);
  CHECK(old.find(text + 0x100)->bp_offset == -16);
  CHECK(!old.find(text + 0x100)->exact);
  CHECK(old.find(text + 0x200)->type == OrcType::regs);
  CHECK(old.find(text + 0x200)->exact);
  CHECK(old.find(text + 0x300)->type == OrcType::regs_partial);
  CHECK(old.find(text + 0x400)->type == OrcType::end_of_stack);
  CHECK(old.find(text + 0x500)->type == OrcType::undefined);
  const auto newer = bytes.table(harness::OrcForm::v6_3);
  CHECK(!newer.find(text + 0x200)->exact);
  CHECK(newer.find(text + 0x400)->type == OrcType::end_of_stack);
  CHECK(newer.find(text + 0x600)->exact);
  CHECK(harness::orc_form("4.14.0") == harness::OrcForm::v4_14);
  CHECK(harness::orc_form("6.1.192") == harness::OrcForm::v4_14);
  CHECK(harness::orc_form("6.3.0-rc1") == harness::OrcForm::v6_3);
  CHECK(harness::orc_form("6.12.117") == harness::OrcForm::v6_4);
  CHECK(harness::orc_form("7.2.13") == harness::OrcForm::v6_4);
  CHECK(harness::orc_form("") == harness::OrcForm::v6_4);
}

TEST_CASE("ORC crosses calls, saved frame pointers, interrupts and other stacks") {
  Guest guest;
  OrcBytes bytes;
  bytes.add(0x100, 24, 0, bits(reg_sp, 0, 2));             // a leaf with two words
  bytes.add(0x200, 16, -16, bits(reg_bp, reg_prev_sp, 2)); // with a frame pointer
  bytes.add(0x300, 0, 0, bits(reg_sp, 0, 3, 1));           // an interrupt's entry
  bytes.add(0x400, 8, 0, bits(reg_sp_indirect, 0, 2));     // left its stack for another
  bytes.add(0x500, 0, 0, bits(0, 0, 1));                   // the end
  guest.tables.orc = bytes.table(harness::OrcForm::v6_4);
  guest.word(0x110, text + 0x210);  // of 0x100: returns into 0x200
  guest.word(0x150, stack + 0x777); // the caller's bp
  guest.word(0x158, text + 0x310);  // of 0x200: returns into 0x300
  const std::uint64_t regs = stack + 0x160;
  guest.memory.put<std::uint64_t>(regs + 128, text + 0x410);
  guest.memory.put<std::uint64_t>(regs + 136, 0x10);
  guest.memory.put<std::uint64_t>(regs + 152, stack + 0x300);
  guest.word(0x300, stack + 0x2000); // of 0x400: where the other stack's top is
  guest.word(0x2000, text + 0x510);
  const auto frames = unwind(guest.tables, at(0x100, stack + 0x100, stack + 0x150), guest.read);
  REQUIRE(frames.size() == 5);
  CHECK(frames[1].how == harness::UnwindStep::orc);
  CHECK(frames[2].ip == text + 0x310);
  CHECK(frames[3].how == harness::UnwindStep::interrupt);
  CHECK(frames[3].exact);
  CHECK(frames[4].ip == text + 0x510);
  CHECK(frames[4].sp == stack + 0x2008);
}

TEST_CASE("a module's frames are followed by its own tables, or by what follows a call") {
  Guest guest;
  constexpr std::uint64_t module = 0xffffffffa0001000;
  guest.word(0x120, text + 0x305);
  guest.memory.put<std::uint8_t>(text + 0x300, 0xe8);
  harness::FrameRegisters start = at(0, stack + 0x100, 0);
  start.ip = module + 0x10;
  start.exact = false;
  auto frames = unwind(guest.tables, start, guest.read);
  REQUIRE(frames.size() == 2);
  CHECK(frames[1].how == harness::UnwindStep::guess);
  guest.word(0x108, text + 0x205); // stale
  guest.memory.put<std::uint8_t>(text + 0x200, 0xe8);
  CHECK(unwind(guest.tables, start, guest.read)[1].ip == text + 0x205);
  OrcBytes bytes;
  bytes.add(module - text, 40, 0, bits(reg_sp, 0, 2));
  guest.tables.modules.push_back({module, 0x1000, bytes.table(harness::OrcForm::v6_4)});
  frames = unwind(guest.tables, start, guest.read);
  REQUIRE(frames.size() == 2);
  CHECK(frames[1].ip == text + 0x305);
  CHECK(frames[1].how == harness::UnwindStep::orc);
}
