// Names that compilers make into names that people wrote.
#pragma once

#include <string>
#include <string_view>

namespace harness {

// A mangled Rust name, v0 ("_R...") or legacy ("_ZN...17h<hash>E"), as a path without its hash;
// every other name as it is.
std::string demangle(std::string_view name);

} // namespace harness
