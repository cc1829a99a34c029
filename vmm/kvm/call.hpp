// The ioctl call itself; only this folder makes one.
#pragma once

#include <cerrno>
#include <string>
#include <sys/ioctl.h>

#include "vmm/base/error.hpp"
#include "vmm/base/fd.hpp"

namespace vmm {

// Returns what the ioctl returns, 0 or more. Tries again on EINTR. Throws base::SysError with the
// request's name.
template<class Argument>
int kvm_call(const base::Fd& fd, unsigned long request, Argument argument, const char* name) {
  int result;
  do
    result = ::ioctl(fd.get(), request, argument);
  while (result < 0 && errno == EINTR);
  if (result < 0)
    throw base::SysError(errno, name, "/dev/kvm");
  return result;
}

} // namespace vmm

// With the request's name from its macro.
#define KVM_CALL(fd, request, argument) ::vmm::kvm_call(fd, request, argument, #request)
