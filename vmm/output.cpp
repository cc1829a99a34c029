#include "vmm/output.hpp"

#include <cerrno>
#include <cstdint>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vmm/base/error.hpp"

namespace vmm {

Output::Output() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!event_)
    throw base::SysError(errno, "eventfd", "");
}

void Output::put(Port port, char byte) {
  std::string& bytes = bytes_[static_cast<std::size_t>(port)];
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = bytes.empty();
    bytes += byte;
    if (bytes.size() >= limit)
      full_ = true;
  }
  if (first)
    wake();
}

void Output::wait_for_room() {
  if (!full_)
    return;
  std::unique_lock lock(mutex_);
  room_.wait(lock, [this] { return closed_ || !full_; });
}

std::array<std::string, port_count> Output::take() {
  std::array<std::string, port_count> taken;
  std::uint64_t count = 0;
  while (::read(event_.get(), &count, sizeof count) < 0 && errno == EINTR) {
  }
  {
    const std::lock_guard lock(mutex_);
    taken.swap(bytes_);
    full_ = false;
  }
  room_.notify_all();
  return taken;
}

void Output::wake() const {
  const std::uint64_t one = 1;
  while (::write(event_.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
}

void Output::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  room_.notify_all();
}

void Output::open() {
  const std::lock_guard lock(mutex_);
  closed_ = false;
}

void Output::reset() {
  take();
  open();
}

} // namespace vmm
