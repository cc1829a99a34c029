// One line of a stack trace as data, in all the forms kernels print.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace harness {

struct TraceFrame {
  std::string_view function; // as printed: with ".isra.0" and the like
  std::size_t offset = 0;
  std::size_t size = 0;       // 0 where the form has none
  bool certain = true;        // false for " ? function": a stale word of the stack
  std::string_view caller;    // of the arm forms "function from caller": the next frame; else empty
  bool inlined = false;       // a line that some tool added: " function file:line [inline]"
  std::size_t name_begin = 0; // where "function+0x1/0x2" stands in the line
  std::size_t name_end = 0;
};

// The first "function+0x12/0x34" of text; nothing where there is none.
std::optional<TraceFrame> find_symbol(std::string_view text);

// A line of a call trace: " func+0x1/0x2 [module]", "[<addr>] func+0x1/0x2", "[<addr>] (func) from
// [<addr>] (caller+0x1/0x2)", " func from caller+0x1/0x2", " func file:1 [inline]".
std::optional<TraceFrame> parse_frame(std::string_view text);

// The function an instruction pointer line names: RIP, EIP, IP, "pc :", "PC is at", NIP, epc.
// Nothing for user space.
std::optional<TraceFrame> parse_ip(std::string_view text);

// Without what compilers append: .isra.N, .part.N, .constprop.N, .cold, .llvm.N, $hash.
std::string_view plain_name(std::string_view function);

// The name for a title: without what the architecture or the macro put before a system call's name.
std::string title_name(std::string_view function);

} // namespace harness
