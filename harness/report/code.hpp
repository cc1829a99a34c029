// The "Code:" line of an oops: the bytes around the faulting instruction, disassembled.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace harness {

enum class Machine { x86_32, x86_64, arm64 };

struct CodeBytes {
  std::string bytes;
  std::size_t fault = 0; // index of the faulting instruction's first byte
};

// The bytes of "Code: 48 89 <0f> 0b" or, in words of four bytes, "Code: d503201f (d4210000)"; the
// line without printk prefix. Nothing where a line shows no bytes ("Code: Bad RIP value.") or marks
// none.
std::optional<CodeBytes> parse_code(std::string_view line);

struct Instruction {
  std::ptrdiff_t offset = 0; // in bytes from the faulting one
  std::string bytes;
  std::string text;  // as objdump spells it; ".byte 0x.., 0x.." for what is no known instruction
  bool known = true; // false for .byte
  bool faulting = false;
};

struct CodeSite {
  Machine machine = Machine::x86_64;
  // An instruction is known to start so many bytes before the faulting one: a function's first, for
  // one. Nothing: not known.
  std::optional<std::size_t> anchor;
  // The name of what is so many bytes from the faulting one, for direct calls and jumps; "" where
  // it has none. May be empty: then they are shown as ".+0x12", from the instruction's start.
  std::function<std::string(std::int64_t offset)> name;
};

// All bytes of the line, in order. An instruction starts at the faulting byte. Before it only those
// are known that every way to decode the line from its start to there agrees on, since the first
// byte may be in the midst of one. One that the line's end cuts is .byte.
std::vector<Instruction> disassemble(const CodeBytes& code, const CodeSite& place);

} // namespace harness
