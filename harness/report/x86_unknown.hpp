// x86 instructions of kernels that capstone 4 does not know, or takes for others.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace harness {

struct UnknownForm {
  std::string name;     // mnemonic
  std::size_t size = 0; // in bytes; 0: that of like
  std::string like;     // an instruction capstone knows that has the same operands; empty: none
};

// The traps of UBSAN and kCFI (ud1), shadow stacks, FRED, protection keys, memory encryption.
// Nothing for every other instruction. The bytes may be cut anywhere.
std::optional<UnknownForm> unknown_form(std::string_view bytes);

} // namespace harness
