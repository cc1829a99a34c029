#include "harness/report/x86_unknown.hpp"

#include <algorithm>
#include <array>

namespace harness {

namespace {

// What follows the opcode, whose two bytes are 0f and the table's.
enum class Form {
  third,    // one more byte of opcode
  none,     // nothing
  operands, // as imul's: a register, and a register or memory
  reg32,    // one register: the byte behind has 11 in front and the table's number in the middle
  reg_w,    // likewise, 64 bits wide with REX.W
  reg64,    // likewise, always 64 bits wide
};

struct Unknown {
  int prefix; // 0x66, 0xf2 or 0xf3 that is part of the opcode; 0: none of them; any
  int opcode;
  Form form;
  int detail; // third byte, or number in the middle
  const char* name;
};

constexpr int any = -1;

// Intel SDM volume 2, AMD APM volume 3, the kernel's arch/x86/lib/x86-opcode-map.txt.
constexpr std::array<Unknown, 25> table = {{
    {any, 0xb9, Form::operands, 0, "ud1"},
    {any, 0xff, Form::operands, 0, "ud0"},
    {0xf3, 0x09, Form::none, 0, "wbnoinvd"},
    {0, 0x01, Form::third, 0xc6, "wrmsrns"},
    {0xf2, 0x01, Form::third, 0xca, "erets"},
    {0xf3, 0x01, Form::third, 0xca, "eretu"},
    {0, 0x01, Form::third, 0xe8, "serialize"},
    {0xf3, 0x01, Form::third, 0xe8, "setssbsy"},
    {0xf3, 0x01, Form::third, 0xea, "saveprevssp"},
    {0, 0x01, Form::third, 0xee, "rdpkru"},
    {0, 0x01, Form::third, 0xef, "wrpkru"},
    {0, 0x01, Form::third, 0xfa, "monitorx %rax,%ecx,%edx"},
    {0, 0x01, Form::third, 0xfb, "mwaitx %eax,%ecx,%ebx"},
    {0, 0x01, Form::third, 0xfe, "invlpgb"},
    {0xf2, 0x01, Form::third, 0xfe, "rmpupdate"},
    {0xf3, 0x01, Form::third, 0xfe, "rmpadjust"},
    {0, 0x01, Form::third, 0xff, "tlbsync"},
    {0xf2, 0x01, Form::third, 0xff, "pvalidate"},
    {0xf3, 0x01, Form::third, 0xff, "psmash"},
    {0xf2, 0x00, Form::reg32, 6, "lkgs"},
    {0xf3, 0x1e, Form::reg_w, 1, "rdssp"},
    {0xf3, 0xae, Form::reg_w, 5, "incssp"},
    {0x66, 0xae, Form::reg32, 6, "tpause"},
    {0xf2, 0xae, Form::reg32, 6, "umwait"},
    {0xf3, 0xae, Form::reg64, 6, "umonitor"},
}};

struct Prefixes {
  std::size_t size = 0; // REX included
  int mandatory = 0;
  int rex = 0;
};

// REX counts in 64-bit code alone; in front of 0f it is no instruction of its own that matters
// here.
Prefixes prefixes_of(std::string_view bytes) {
  constexpr std::string_view legacy("\x66\x67\x2e\x36\x3e\x26\x64\x65\xf0\xf2\xf3", 11);
  Prefixes found;
  while (found.size < bytes.size() && legacy.find(bytes[found.size]) != std::string_view::npos) {
    const int prefix = static_cast<unsigned char>(bytes[found.size++]);
    if (prefix == 0xf2 || prefix == 0xf3 || (prefix == 0x66 && found.mandatory == 0))
      found.mandatory = prefix;
  }
  if (found.size < bytes.size() && (bytes[found.size] & 0xf0) == 0x40)
    found.rex = static_cast<unsigned char>(bytes[found.size++]);
  return found;
}

// "bswap" of the register that the last three bits of a byte name has it as its only operand.
std::string bswap(const Unknown& found, int rex, int last) {
  const int wide = found.form == Form::reg64 ? 8 : found.form == Form::reg_w ? rex & 8 : 0;
  std::string like;
  if ((rex & 1) != 0 || wide != 0)
    like += static_cast<char>(0x40 | wide | (rex & 1));
  like += '\x0f';
  like += static_cast<char>(0xc8 | (last & 7));
  return like;
}

std::optional<UnknownForm> form_of(const Unknown& found, std::string_view bytes,
                                   const Prefixes& prefixes, int last) {
  const std::size_t opcode = prefixes.size;
  UnknownForm form{found.name, opcode + 3, ""};
  switch (found.form) {
  case Form::third:
    return last == found.detail ? std::optional(form) : std::nullopt;
  case Form::none:
    form.size = opcode + 2;
    return form;
  case Form::operands:
    form.size = 0;
    form.like = bytes;
    form.like[opcode + 1] = '\xaf';
    return form;
  default:
    break;
  }
  if (last >> 6 != 3 || ((last >> 3) & 7) != found.detail)
    return {};
  form.like = bswap(found, prefixes.rex, last);
  if (found.form == Form::reg_w)
    form.name += (prefixes.rex & 8) != 0 ? 'q' : 'd';
  return form;
}

} // namespace

std::optional<UnknownForm> unknown_form(std::string_view bytes) {
  const Prefixes prefixes = prefixes_of(bytes);
  std::string_view rest = bytes.substr(prefixes.size);
  if (rest.size() < 2 || rest[0] != '\x0f')
    return {};
  const int opcode = static_cast<unsigned char>(rest[1]);
  const int last = rest.size() > 2 ? static_cast<unsigned char>(rest[2]) : -1;
  for (const Unknown& entry : table)
    if (entry.opcode == opcode && (entry.prefix == any || entry.prefix == prefixes.mandatory) &&
        (last >= 0 || entry.form == Form::none || entry.form == Form::operands))
      if (auto form = form_of(entry, bytes, prefixes, last))
        return form;
  return {};
}

} // namespace harness
