#include "vmm/base/error.hpp"

#include <cstdio>
#include <cstdlib>
#include <system_error>

#include <fmt/format.h>

namespace base {

namespace {
std::string sys_message(int error, const std::string& call, const std::string& object) {
  const std::string reason = std::generic_category().message(error);
  return object.empty() ? fmt::format("{}: {}", call, reason)
                        : fmt::format("{}: {}: {}", call, object, reason);
}
} // namespace

SysError::SysError(int error, const std::string& call, const std::string& object)
    : Error(sys_message(error, call, object)), code_(error) {}

void assert_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "krepro: bug: %s:%d: %s\n", file, line, condition);
  std::abort();
}

} // namespace base
