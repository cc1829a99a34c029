// The agent, as bytes inside the program that links guest_blob.
#pragma once

#include <string_view>

namespace guest {

// The whole ELF file; valid for the life of the process.
std::string_view agent_binary();

} // namespace guest
