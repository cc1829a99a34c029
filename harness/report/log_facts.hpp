// What a console log says of the kernel that wrote it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace harness {

struct LogFacts {
  std::string release;  // "6.1.0-rc3+"; empty where the log does not say
  std::string build_id; // hexadecimal digits; empty likewise
  // What KASLR added to every address of the kernel's text; nothing where the log does not say.
  std::optional<std::uint64_t> kernel_offset;
};

// report: the lines of one crash, which say of which kernel it is ("CPU: 0 PID: 1 Comm: ..."). log:
// all of the console, for what is printed once a boot ("Linux version", "Kernel Offset:").
LogFacts read_facts(std::string_view report, std::string_view log);

} // namespace harness
