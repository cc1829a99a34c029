#include "vmm/base/thread.hpp"

#include <cstddef>
#include <memory>
#include <utility>

#include "vmm/base/error.hpp"

namespace base {

namespace {

constexpr std::size_t stack_size = 256 << 10;

void* run(void* argument) {
  const std::unique_ptr<std::function<void()>> body(static_cast<std::function<void()>*>(argument));
  (*body)();
  return nullptr;
}

} // namespace

Thread::Thread(std::function<void()> body) {
  auto argument = std::make_unique<std::function<void()>>(std::move(body));
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, stack_size);
  const int error = ::pthread_create(&id_, &attributes, run, argument.get());
  ::pthread_attr_destroy(&attributes);
  if (error != 0)
    throw SysError(error, "pthread_create", "a thread");
  static_cast<void>(argument.release());
  running_ = true;
}

Thread::Thread(Thread&& other) noexcept
    : id_(other.id_), running_(std::exchange(other.running_, false)) {}

Thread& Thread::operator=(Thread&& other) noexcept {
  ASSERT(!running_);
  id_ = other.id_;
  running_ = std::exchange(other.running_, false);
  return *this;
}

Thread::~Thread() { ASSERT(!running_); }

void Thread::join() {
  ::pthread_join(id_, nullptr);
  running_ = false;
}

} // namespace base
