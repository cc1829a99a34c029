// x86 instructions in AT&T syntax: capstone's spelling into that of binutils.
#pragma once

#include <string>
#include <string_view>

namespace harness {

// mnemonic and operands as capstone gives them ("movq", "8(%rsp), %rbp") as objdump's "mov
// 0x8(%rsp),%rbp": no suffix where a register tells the size, hexadecimal numbers.
std::string x86_text(std::string_view mnemonic, std::string_view operands);

} // namespace harness
