#include "harness/report/capstone_api.hpp"

#include <string>

#include <dlfcn.h>

#include <fmt/format.h>

#include "vmm/base/error.hpp"

namespace harness {

namespace {

// Of the headers' version: its enums' numbers are another in each.
std::string soname() { return fmt::format("libcapstone.so.{}", CS_API_MAJOR); }

[[noreturn]] void fail() {
  const char* why = ::dlerror();
  throw base::Error(fmt::format("capstone cannot be loaded: {}; run: apt-get install libcapstone{}",
                                why != nullptr ? why : "no reason given", CS_API_MAJOR));
}

template<class Function> void find(void* library, const char* name, Function& function) {
  void* found = ::dlsym(library, name);
  if (found == nullptr)
    fail();
  function = reinterpret_cast<Function>(found);
}

CapstoneApi load() {
  void* library = ::dlopen(soname().c_str(), RTLD_LAZY | RTLD_LOCAL); // stays loaded
  if (library == nullptr)
    fail();
  CapstoneApi api;
  find(library, "cs_close", api.close);
  find(library, "cs_disasm_iter", api.disasm_iter);
  find(library, "cs_free", api.free);
  find(library, "cs_malloc", api.malloc);
  find(library, "cs_open", api.open);
  find(library, "cs_option", api.option);
  find(library, "cs_strerror", api.strerror);
  return api;
}

} // namespace

const CapstoneApi& capstone() {
  static const CapstoneApi api = load();
  return api;
}

} // namespace harness
