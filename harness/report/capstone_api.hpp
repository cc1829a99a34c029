// capstone's functions, loaded when the first is called: the library's tables are relocated when it
// is, which every start of krepro would wait a millisecond for.
#pragma once

#include <capstone.h>

namespace harness {

// Each member is the function cs_<member>.
struct CapstoneApi {
  decltype(&::cs_close) close = nullptr;
  decltype(&::cs_disasm_iter) disasm_iter = nullptr;
  decltype(&::cs_free) free = nullptr;
  decltype(&::cs_malloc) malloc = nullptr;
  decltype(&::cs_open) open = nullptr;
  decltype(&::cs_option) option = nullptr;
  decltype(&::cs_strerror) strerror = nullptr;
};

// Any thread. Throws base::Error, with the package to install, where the library or a function is
// missing.
const CapstoneApi& capstone();

} // namespace harness
