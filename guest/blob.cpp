#include "guest/blob.hpp"

#include <cstddef>

asm(".section .rodata\n"
    ".balign 16\n"
    "krepro_agent_begin:\n"
    ".incbin \"" KREPRO_AGENT_PATH "\"\n"
    "krepro_agent_end:\n"
    ".previous\n");

extern "C" {
extern const char krepro_agent_begin[];
extern const char krepro_agent_end[];
}

namespace guest {

std::string_view agent_binary() {
  return {krepro_agent_begin, static_cast<std::size_t>(krepro_agent_end - krepro_agent_begin)};
}

} // namespace guest
