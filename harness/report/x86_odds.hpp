// How usual an x86-64 instruction is in kernels.
#pragma once

#include <string_view>

namespace harness {

// -log2 of the chance that an instruction of a kernel's text is this one, in bits: by its prefixes
// and opcode, as counted in two kernels that gcc compiled; bytes behind them count 8 bits each.
int odds_bits(std::string_view instruction);

} // namespace harness
