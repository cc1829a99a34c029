// Titles: short, the same for every run of the same crash.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace harness {

// At most 120 bytes, printable; addresses become ADDR, free-standing numbers NUM, ":123" after a
// file name LINE.
std::string normal_title(std::string_view title);

// Replaces $1.. by groups (missing ones by nothing) and $F and $O by function.
std::string fill(std::string_view form, const std::vector<std::string_view>& groups,
                 std::string_view function);

} // namespace harness
