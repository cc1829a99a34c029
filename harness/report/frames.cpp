#include "harness/report/frames.hpp"

#include <array>
#include <charconv>

namespace harness {

namespace {

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == '$';
}

void skip_spaces(std::string_view text, std::size_t& i) {
  while (i < text.size() && (text[i] == ' ' || text[i] == '\t'))
    ++i;
}

// Moves past "0x1f" and gives its value.
std::optional<std::size_t> take_hex(std::string_view text, std::size_t& i) {
  if (!text.substr(i).starts_with("0x"))
    return {};
  std::size_t value = 0;
  const char* last = text.data() + text.size();
  auto [end, error] = std::from_chars(text.data() + i + 2, last, value, 16);
  if (error != std::errc())
    return {};
  i = static_cast<std::size_t>(end - text.data());
  return value;
}

// Where a demangled Rust name like "<a::B as c::D>::e" starts that ends at end; npos: it is none.
std::size_t rust_begin(std::string_view text, std::size_t end) {
  std::size_t depth = 0;
  std::size_t i = end;
  while (i > 0) {
    char c = text[i - 1];
    if (c == '>')
      ++depth;
    else if (c == '<' && depth > 0)
      --depth;
    else if (c == ':' && i > 1 && text[i - 2] == ':')
      --i;
    else if (!is_name(c) && !(depth > 0 && (c == ' ' || c == ',' || c == '&' || c == '*')))
      break;
    --i;
  }
  return depth == 0 ? i : std::string_view::npos;
}

std::size_t name_begin(std::string_view text, std::size_t end) {
  std::size_t i = end;
  while (i > 0 && is_name(text[i - 1]))
    --i;
  if (i > 0 && (text[i - 1] == ':' || text[i - 1] == '>'))
    if (std::size_t rust = rust_begin(text, end); rust != std::string_view::npos)
      return rust;
  return i;
}

// A "function+0x12/0x34" whose plus sign stands at plus.
std::optional<TraceFrame> symbol_at(std::string_view text, std::size_t plus) {
  TraceFrame frame;
  frame.name_begin = name_begin(text, plus);
  if (frame.name_begin == plus)
    return {};
  std::size_t i = plus + 1;
  auto offset = take_hex(text, i);
  if (!offset)
    return {};
  if (i < text.size() && text[i] == '/') {
    ++i;
    auto size = take_hex(text, i);
    if (!size)
      return {};
    frame.size = *size;
  }
  frame.offset = *offset;
  frame.name_end = i;
  frame.function = text.substr(frame.name_begin, plus - frame.name_begin);
  return frame;
}

// Past "[<ffffffff81234567>]" or "[<     inline     >]".
void skip_address(std::string_view text, std::size_t& i) {
  if (!text.substr(i).starts_with("[<"))
    return;
  std::size_t close = text.find(">]", i);
  if (close == std::string_view::npos || close - i > 24)
    return;
  i = close + 2;
  skip_spaces(text, i);
}

// Past "[c00000000a1b2c3d] [c000000000123456]", the stack and return address of powerpc.
void skip_address_pair(std::string_view text, std::size_t& i) {
  std::size_t end = i;
  for (int half = 0; half < 2; ++half) {
    std::size_t close = text.find(']', end);
    if (end >= text.size() || text[end] != '[' || close == std::string_view::npos ||
        (close - end != 9 && close - end != 17) ||
        text.find_first_not_of("0123456789abcdef", end + 1) != close)
      return;
    end = close + 1;
    skip_spaces(text, end);
  }
  i = end;
}

// Past "<IRQ>" and its like, which old kernels put before the first frame of a stack.
void skip_stack_name(std::string_view text, std::size_t& i) {
  static constexpr std::array<std::string_view, 6> names = {"<IRQ>",   "<EOI>", "<NMI>",
                                                            "<<EOE>>", "<#DB>", "<#DF>"};
  if (!text.substr(i).starts_with('<'))
    return;
  for (std::string_view name : names)
    if (text.substr(i).starts_with(name)) {
      i += name.size();
      skip_spaces(text, i);
      return;
    }
}

// "(func) from [<addr>] (caller+0x1/0x2)" and "func from caller+0x1/0x2", of 32-bit arm.
std::optional<TraceFrame> arm_frame(std::string_view text, std::size_t begin) {
  bool parentheses = text.substr(begin).starts_with('(');
  if (parentheses)
    ++begin;
  std::size_t end = begin;
  while (end < text.size() && is_name(text[end]))
    ++end;
  std::string_view rest = text.substr(end);
  if (parentheses && rest.starts_with(')'))
    rest.remove_prefix(1);
  if (end == begin || !rest.starts_with(" from "))
    return {};
  TraceFrame frame;
  frame.function = text.substr(begin, end - begin);
  frame.name_begin = begin;
  frame.name_end = end;
  if (const auto caller = find_symbol(rest))
    frame.caller = caller->function;
  return frame;
}

std::optional<TraceFrame> inline_frame(std::string_view text, std::size_t begin) {
  constexpr std::string_view mark = "[inline]";
  bool old_form = text.find("[<     inline     >]") != std::string_view::npos;
  if (!old_form && !text.ends_with(mark))
    return {};
  std::size_t end = begin;
  while (end < text.size() && is_name(text[end]))
    ++end;
  if (end == begin || end >= text.size() || text[end] != ' ')
    return {};
  TraceFrame frame;
  frame.function = text.substr(begin, end - begin);
  frame.inlined = true;
  frame.name_begin = begin;
  frame.name_end = end;
  return frame;
}

} // namespace

std::optional<TraceFrame> find_symbol(std::string_view text) {
  for (std::size_t plus = text.find("+0x"); plus != std::string_view::npos;
       plus = text.find("+0x", plus + 3))
    if (auto frame = symbol_at(text, plus))
      return frame;
  return {};
}

std::optional<TraceFrame> parse_frame(std::string_view text) {
  std::size_t i = 0;
  skip_spaces(text, i);
  skip_stack_name(text, i);
  skip_address(text, i);
  skip_address_pair(text, i);
  bool certain = !text.ends_with("(unreliable)");
  if (text.substr(i).starts_with("? ")) {
    certain = false;
    i += 2;
  }
  if (auto frame = arm_frame(text, i))
    return frame;
  if (auto frame = inline_frame(text, i)) {
    frame->certain = certain;
    return frame;
  }
  if (text.substr(i).starts_with('('))
    ++i;
  auto frame = find_symbol(text);
  if (!frame || frame->name_begin != i)
    return {};
  frame->certain = certain;
  return frame;
}

std::optional<TraceFrame> parse_ip(std::string_view text) {
  static constexpr std::array<std::string_view, 9> labels = {
      "RIP: 0010:", "RIP: e030:", "RIP: ", "EIP: ", "IP: ", "PC is at ", "pc : ", "NIP ", "epc : "};
  for (std::string_view label : labels) {
    if (!text.starts_with(label))
      continue;
    std::size_t i = label.size();
    for (int repeat = 0; repeat < 2; ++repeat) {
      skip_spaces(text, i);
      skip_address(text, i);
    }
    while (i < text.size() && label == "NIP " && text[i] != ']')
      ++i;
    if (label == "NIP ")
      i = i + 2 < text.size() ? i + 2 : i;
    auto frame = find_symbol(text);
    if (frame && frame->name_begin == i)
      return frame;
  }
  return {};
}

std::string_view plain_name(std::string_view function) {
  if (function.find("::") != std::string_view::npos)
    return function;
  std::size_t dot = function.find_first_of(".$", 1);
  return function.substr(0, dot);
}

std::string title_name(std::string_view function) {
  static constexpr std::array<std::string_view, 17> calls = {"__x64_",
                                                             "__ia32_",
                                                             "__arm64_",
                                                             "__riscv_",
                                                             "__s390x_",
                                                             "__s390_",
                                                             "__powerpc_",
                                                             "__se_compat_sys_",
                                                             "__do_compat_sys_",
                                                             "__se_sys_",
                                                             "__do_sys_",
                                                             "compat_SyS_",
                                                             "compat_SYSC_",
                                                             "SyS_",
                                                             "SYSC_",
                                                             "ksys_",
                                                             "sys_"};
  std::string_view name = plain_name(function);
  for (std::string_view prefix : calls)
    if (name.starts_with(prefix) && name.size() > prefix.size())
      return std::string(name.substr(prefix.size()));
  // One wait, in several forms that the configuration chooses.
  for (std::string_view family : {"smp_call_function", "synchronize_rcu"})
    if (name.starts_with(family))
      return std::string(family);
  return std::string(name);
}

} // namespace harness
