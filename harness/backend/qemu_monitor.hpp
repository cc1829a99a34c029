// What QEMU's monitor answers, as data (hmp-commands.hx and hmp-commands-info.hx of QEMU).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "harness/backend/backend.hpp"

namespace harness {

// The answer to "info registers -a" of an x86_64 machine (x86_cpu_dump_state in
// target/i386/cpu-dump.c): one entry a "CPU#" heading, in their order. What is not in the text is
// 0 or false; any text is accepted.
std::vector<CpuRegisters> parse_registers(std::string_view text);

// The answer to "gpa2hva ADDRESS": where QEMU has that guest-physical address in its own memory.
// Nothing where it says that it is no memory.
std::optional<std::uint64_t> parse_host_address(std::string_view text);

} // namespace harness
