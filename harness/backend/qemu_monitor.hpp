// What QEMU's monitor answers, as data (hmp-commands.hx and hmp-commands-info.hx of QEMU).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "harness/backend/backend.hpp"

namespace harness {

// The answer to "info registers -a" of an x86_64 machine (x86_cpu_dump_state in
// target/i386/cpu-dump.c): one entry a "CPU#" heading, in their order. What is not in the text is
// 0 or false; any text is accepted.
std::vector<CpuRegisters> parse_registers(std::string_view text);

} // namespace harness
