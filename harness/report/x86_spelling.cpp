#include "harness/report/x86_spelling.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include <fmt/format.h>

namespace harness {

namespace {

// Instructions whose suffix says no more than their registers do.
constexpr std::array<std::string_view, 72> sized = {
    "adc",  "adcx",    "add",   "adox",   "and",    "andn",     "bextr",    "blsi",     "blsmsk",
    "blsr", "bsf",     "bsr",   "bswap",  "bt",     "btc",      "btr",      "bts",      "bzhi",
    "cmp",  "cmpxchg", "dec",   "div",    "idiv",   "imul",     "in",       "inc",      "lar",
    "lea",  "lsl",     "lzcnt", "mov",    "movabs", "movbe",    "movnti",   "mul",      "mulx",
    "neg",  "not",     "or",    "out",    "pdep",   "pext",     "pop",      "popcnt",   "push",
    "rcl",  "rcr",     "rol",   "ror",    "rorx",   "sar",      "sarx",     "sbb",      "shl",
    "shld", "shlx",    "shr",   "shrd",   "shrx",   "sub",      "test",     "tzcnt",    "xadd",
    "xchg", "xor",     "str",   "rdrand", "rdseed", "rdfsbase", "rdgsbase", "wrfsbase", "wrgsbase"};

// Instructions that have one width whatever their operands are.
constexpr std::array<std::string_view, 15> wide = {"callq",  "enterq", "jmpq", "leaveq", "lgdtq",
                                                   "lidtq",  "lldtw",  "ltrw", "popfq",  "popq",
                                                   "pushfq", "pushq",  "retq", "sgdtq",  "sidtq"};

// Shifts: the count in %cl says nothing of what is shifted.
constexpr std::array<std::string_view, 9> shifts = {"rcl", "rcr", "rol",  "ror", "sar",
                                                    "shl", "shr", "shld", "shrd"};

template<class List> bool has(const List& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

bool is_sized(std::string_view name) { return has(sized, name) || name.starts_with("cmov"); }

// Whether some operand is a register itself.
bool names_register(std::string_view operands) {
  int depth = 0;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    depth += operands[i] == '(' ? 1 : operands[i] == ')' ? -1 : 0;
    bool first = i == 0 || operands[i - 1] == ' ' || operands[i - 1] == ',';
    if (operands[i] != '%' || depth != 0 || !first)
      continue;
    std::size_t end = operands.find_first_of(",:", i);
    if (end == std::string_view::npos || operands[end] == ',')
      return true;
  }
  return false;
}

// Whether one of two operands is a general register of 64 bits: "%rax, %xmm0".
bool names_wide(std::string_view operands) {
  for (std::string_view operand : {operands, operands.substr(operands.find(' ') + 1)}) {
    operand = operand.substr(0, operand.find(','));
    if (operand.starts_with("%r") &&
        std::string_view("bwd").find(operand.back()) == std::string_view::npos)
      return true;
  }
  return false;
}

// "%cl, " before no other register.
bool counts_in_cl(std::string_view operands) {
  constexpr std::string_view count = "%cl, ";
  return operands.starts_with(count) && !names_register(operands.substr(count.size()));
}

std::string_view without_suffix(std::string_view name, std::string_view operands) {
  if (operands.find("%xmm") != std::string_view::npos ||
      operands.find("%mm") != std::string_view::npos)
    return name == "movd" && names_wide(operands) ? "movq" : name;
  if (has(wide, name))
    return name.substr(0, name.size() - 1);
  if (name.size() < 3 || std::string_view("bwlq").find(name.back()) == std::string_view::npos ||
      !names_register(operands))
    return name;
  std::string_view bare = name.substr(0, name.size() - 1);
  return is_sized(bare) && !(has(shifts, bare) && counts_in_cl(operands)) ? bare : name;
}

// "lock xaddl" keeps its prefix.
std::string spell_name(std::string_view mnemonic, std::string_view operands) {
  std::size_t space = mnemonic.rfind(' ');
  std::size_t begin = space == std::string_view::npos ? 0 : space + 1;
  return fmt::format("{}{}", mnemonic.substr(0, begin),
                     without_suffix(mnemonic.substr(begin), operands));
}

// "(%rax, %rcx)" with its scale.
void close_address(std::string& out, std::size_t open) {
  if (std::count(out.begin() + static_cast<std::ptrdiff_t>(open), out.end(), ',') == 1)
    out += ",1";
}

std::string spell_operands(std::string_view operands) {
  std::string out;
  std::size_t open = std::string::npos;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    char c = operands[i];
    if (c == ' ')
      continue;
    if (c == '(')
      open = out.size();
    if (c == ')' && open != std::string::npos) {
      close_address(out, open);
      open = std::string::npos;
    }
    bool starts =
        i == 0 || std::string_view("$-* :").find(operands[i - 1]) != std::string_view::npos;
    bool alone =
        i + 1 == operands.size() || std::isxdigit(static_cast<unsigned char>(operands[i + 1])) == 0;
    if (open == std::string::npos && starts && alone && c >= '0' && c <= '9' &&
        (i + 1 == operands.size() || operands[i + 1] != 'x'))
      out += "0x";
    out += c;
  }
  return out;
}

} // namespace

std::string x86_text(std::string_view mnemonic, std::string_view operands) {
  const std::string name = spell_name(mnemonic, operands);
  if (operands.empty())
    return name;
  std::string spelled = spell_operands(operands);
  if (name == "in" || name == "out")
    if (const std::size_t port = spelled.find("%dx"); port != std::string::npos)
      spelled.replace(port, 3, "(%dx)");
  return fmt::format("{:<6} {}", name, spelled);
}

} // namespace harness
