#include "harness/backend/libvirt_api.hpp"

#include <dlfcn.h>

#include <fmt/format.h>

#include "vmm/base/error.hpp"

namespace harness {

namespace {

[[noreturn]] void fail() {
  const char* why = ::dlerror();
  throw base::Error(
      fmt::format("libvirt cannot be loaded: {}; run: apt-get install libvirt0 libvirt-daemon "
                  "libvirt-daemon-driver-qemu libvirt-daemon-system",
                  why != nullptr ? why : "no reason given"));
}

// Stays loaded: libvirt has threads of its own.
void* open_library(const char* name) {
  void* library = ::dlopen(name, RTLD_LAZY | RTLD_GLOBAL);
  if (library == nullptr)
    fail();
  return library;
}

template<class Function> void find(void* library, const char* name, Function& function) {
  void* found = ::dlsym(library, name);
  if (found == nullptr)
    fail();
  function = reinterpret_cast<Function>(found);
}

LibvirtApi load() {
  LibvirtApi api;
#define KREPRO_FIND(name) find(library, #name, api.name);
  void* library = open_library("libvirt.so.0");
  KREPRO_LIBVIRT_FUNCTIONS(KREPRO_FIND)
  library = open_library("libvirt-qemu.so.0");
  KREPRO_LIBVIRT_QEMU_FUNCTIONS(KREPRO_FIND)
#undef KREPRO_FIND
  return api;
}

} // namespace

const LibvirtApi& libvirt() {
  static const LibvirtApi api = load();
  return api;
}

} // namespace harness
