// "Code:" lines cut from this program itself, against what objdump says of the same bytes; from the
// ELF file KREPRO_CODE_ELF, a vmlinux for one, where that is set.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "harness/report/code.hpp"
#include "vmm/base/child.hpp"
#include "vmm/base/text.hpp"

using namespace harness;

namespace {

constexpr std::size_t before = 42; // bytes that x86 kernels show before the faulting one
constexpr std::size_t shown = 64;  // in all

struct Known {
  std::string bytes;
  std::string text;
};
using Program = std::map<std::uint64_t, Known>; // by address

std::string without(std::string text, const std::string& part) {
  for (std::size_t at; (at = text.find(part)) != std::string::npos;)
    text.erase(at, part.size());
  return text;
}

// Without what only objdump or only capstone shows: symbols, comments, implied operands, a
// displacement of zero, which of the no-ops it is.
std::string plain(std::string text) {
  text = text.substr(0, text.find('#'));
  text = text.substr(0, text.find('<'));
  std::string one;
  for (char c : text)
    if (c != ' ' || (!one.empty() && one.back() != ' '))
      one += c;
  text = std::string(base::trim(one));
  for (const char* word :
       {"data16 ", "cs ", "ds ", "%cs:", "%es:", "%ds:", "$0x1,", "notrack ", "bnd "})
    text = without(text, word);
  for (std::size_t at; (at = text.find("0x0(")) != std::string::npos;)
    text.erase(at, 3);
  if (text.starts_with("nop") || text == "xchg %ax,%ax")
    return "nop";
  if (text.starts_with("xchg %")) // either way round
    std::sort(text.begin(), text.end());
  if (text.starts_with("rep ") || text.starts_with("repz ") || text.starts_with("repnz "))
    return text.substr(0, text.find(' ') + 4); // string instructions
  return text;
}

// What objdump shows of a program's .text.
Program objdump(const std::string& path) {
  base::Command command;
  command.argv = {"objdump", "-d", "--insn-width=16", "-j", ".text", path};
  Program program;
  const std::string listing = base::check_output(command);
  for (std::string_view line : base::lines_of(listing)) {
    const std::vector<std::string> parts = base::split(line, '\t');
    if (parts.size() < 3)
      continue;
    Known& known = program[std::stoull(parts[0], nullptr, 16)];
    std::istringstream words(parts[1]);
    for (std::string word; words >> word;)
      known.bytes += static_cast<char>(std::stoi(word, nullptr, 16));
    known.text = plain(parts[2]);
  }
  return program;
}

std::string code_line(std::string_view bytes, std::size_t fault) {
  std::string line = "Code:";
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::string byte = fmt::format("{:02x}", static_cast<unsigned char>(bytes[i]));
    line += i == fault ? " <" + byte + ">" : " " + byte;
  }
  return line;
}

// Lines of a program cut at random instructions, each with the address of its faulting byte.
std::vector<std::pair<std::uint64_t, std::string>> cut_lines(const Program& program,
                                                             std::size_t count) {
  std::vector<std::uint64_t> addresses;
  std::string text;
  const std::uint64_t base = program.begin()->first;
  for (const auto& [address, known] : program) {
    addresses.push_back(address);
    text.resize(address - base);
    text += known.bytes;
  }
  std::mt19937 random(20260101);
  std::vector<std::pair<std::uint64_t, std::string>> lines;
  while (lines.size() < count) {
    const std::uint64_t address = addresses[random() % addresses.size()];
    const std::uint64_t at = address - base;
    if (at >= before && at - before + shown <= text.size())
      lines.emplace_back(address, code_line(text.substr(at - before, shown), before));
  }
  return lines;
}

std::string joined(const std::vector<Instruction>& rows) {
  std::string all;
  for (const Instruction& row : rows)
    all += row.bytes;
  return all;
}

// Where a row is not what objdump shows there; "" where all agree.
std::string disagreement(const Program& program, std::uint64_t fault,
                         const std::vector<Instruction>& rows) {
  for (const Instruction& row : rows) {
    const std::uint64_t address = fault + static_cast<std::uint64_t>(row.offset);
    const auto known = program.find(address);
    const bool whole = known != program.end() &&
                       row.offset + static_cast<std::ptrdiff_t>(known->second.bytes.size()) <=
                           static_cast<std::ptrdiff_t>(shown - before);
    if (!row.known && row.offset >= 0 && whole && known->second.text != "(bad)")
      return fmt::format("{:x}: .byte, not {}", address, known->second.text);
    if (row.known && (known == program.end() || known->second.bytes != row.bytes ||
                      known->second.text != plain(row.text)))
      return fmt::format("{:x}: {}, not {}", address, row.text,
                         known == program.end() ? "" : known->second.text);
  }
  return {};
}

std::vector<Instruction> rows_of(const std::string& line, const CodeSite& place = {}) {
  const auto code = parse_code(line);
  REQUIRE(code);
  return disassemble(*code, place);
}

std::string listing(const std::vector<Instruction>& rows) {
  std::string all;
  for (const Instruction& row : rows)
    all += fmt::format("{}{} {}\n", row.faulting ? ">" : "", row.offset, row.text);
  return all;
}

} // namespace

TEST_CASE("a thousand Code: lines agree with objdump on what is code") {
  const char* other = std::getenv("KREPRO_CODE_ELF");
  const Program program = objdump(other ? other : "/proc/self/exe");
  REQUIRE(program.size() > 10000);
  std::size_t unknown = 0;
  const auto lines = cut_lines(program, 1000);
  for (const auto& [fault, line] : lines) {
    CodeSite place;
    place.name = [at = fault](std::int64_t offset) {
      return fmt::format("{:x}", at + static_cast<std::uint64_t>(offset));
    };
    const auto code = parse_code(line);
    REQUIRE(code);
    const std::vector<Instruction> rows = disassemble(*code, place);
    REQUIRE(joined(rows) == code->bytes);
    CHECK(disagreement(program, fault, rows) == "");
    CHECK(std::count_if(rows.begin(), rows.end(),
                        [](const Instruction& row) { return row.faulting; }) == 1);
    for (const Instruction& row : rows)
      unknown += row.known || row.offset >= 0 ? 0 : row.bytes.size();
  }
  CHECK(unknown < lines.size() * before * 45 / 100); // of what is before the faulting byte
}

TEST_CASE("a known start before the faulting byte leaves nothing unknown") {
  const std::string line = "Code: 48 89 e5 41 54 53 48 89 fb <0f> 0b 48 8b";
  CodeSite place;
  place.anchor = 9;
  CHECK(listing(rows_of(line, place)) == "-9 mov    %rsp,%rbp\n-6 push   %r12\n-4 push   %rbx\n"
                                         "-3 mov    %rdi,%rbx\n>0 ud2\n2 .byte  0x48,0x8b\n");
  place.anchor = 8; // what does not lead to the faulting byte is no start
  CHECK(listing(rows_of(line, place)).find(">0 ud2\n") != std::string::npos);
}

TEST_CASE("instructions that capstone does not know, as binutils shows them") {
  const auto text = [](const std::string& bytes) {
    return rows_of("Code: <" + bytes.substr(0, 2) + ">" + bytes.substr(2)).front().text;
  };
  CHECK(text("67 0f b9 40 10") == "ud1    0x10(%eax),%eax");
  CHECK(text("67 48 0f b9 3a") == "ud1    (%edx),%rdi");
  CHECK(text("f3 48 0f 1e c8") == "rdsspq %rax");
  CHECK(text("f3 0f ae e9") == "incsspd %ecx");
  CHECK(text("f3 0f 09") == "wbnoinvd");
  CHECK(text("0f 01 ee") == "rdpkru");
  CHECK(text("0f 01 e8") == "serialize");
  CHECK(text("f3 0f 1e fa") == "endbr64");
  CHECK(text("0f b9") == ".byte  0x0f,0xb9"); // cut
}

TEST_CASE("jumps name their targets") {
  CodeSite place;
  CHECK(rows_of("Code: <74> 10", place)[0].text == "je     .+0x12");
  CHECK(rows_of("Code: 90 90 <eb> fc", place).back().text == "jmp    .-0x2");
  place.name = [](std::int64_t offset) { return fmt::format("f{:+#x}", offset); };
  CHECK(rows_of("Code: <e8> 00 01 00 00", place)[0].text == "call   f+0x105");
  CHECK(rows_of("Code: <ff> d0", place)[0].text == "call   *%rax");
}

TEST_CASE("ports are in brackets") {
  CHECK(rows_of("Code: <ed>")[0].text == "in     (%dx),%eax");
  CHECK(rows_of("Code: <ee>")[0].text == "out    %al,(%dx)");
  CHECK(rows_of("Code: <e6> 80")[0].text == "out    %al,$0x80");
}

TEST_CASE("shifts keep the size that %cl does not tell") {
  CHECK(rows_of("Code: <48> d3 20")[0].text == "shlq   %cl,(%rax)");
  CHECK(rows_of("Code: <48> d3 e0")[0].text == "shl    %cl,%rax");
}

TEST_CASE("the Code: lines of other machines, and those without bytes") {
  const std::string arm = "Code: aa1303e0 d503201f 97fff123 (d4210000) 14000002";
  CodeSite place;
  place.machine = Machine::arm64;
  CHECK(listing(rows_of(arm, place)) == "-12 mov    x0, x19\n-8 nop\n-4 bl     .-0x3b74\n"
                                        ">0 brk    #0x800\n4 b      .+0x8\n");
  place.machine = Machine::x86_32;
  CHECK(rows_of("Code: <40> 55", place)[0].text.starts_with("inc"));
  for (const char* line :
       {"Code: Bad RIP value.", "Code: Unable to access opcode bytes at 0xffffffffffffffd6.",
        "Code: 48 89 e5", "Code: <48> 89 <e5>", "Code: <>", "Code: ", "Code: zz <48>",
        "Code:", "code: <48>", "Code: 4 <48>", "Code: 12345678901 <48>"})
    CHECK_FALSE(parse_code(line));
}
