#include "harness/report/demangle.hpp"

#include <cstdlib>
#include <memory>

#include <libiberty/demangle.h>

namespace harness {

std::string demangle(std::string_view name) {
  std::string mangled(name);
  if (!name.starts_with("_R") && !name.starts_with("_ZN"))
    return mangled;
  std::unique_ptr<char, void (*)(void*)> plain(rust_demangle(mangled.c_str(), 0), std::free);
  return plain ? std::string(plain.get()) : mangled;
}

} // namespace harness
