#include "harness/backend/adoption.hpp"

#include <mutex>
#include <sys/prctl.h>

namespace harness {

namespace {

std::mutex mutex;
unsigned adopters = 0;

} // namespace

Adoption::Adoption() {
  const std::lock_guard lock(mutex);
  if (adopters++ == 0)
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
}

Adoption::~Adoption() {
  const std::lock_guard lock(mutex);
  if (--adopters == 0)
    ::prctl(PR_SET_CHILD_SUBREAPER, 0);
}

} // namespace harness
