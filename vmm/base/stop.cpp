#include "vmm/base/stop.hpp"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "vmm/base/error.hpp"

namespace base {

namespace {

std::atomic<int> caught{0};
std::atomic<int> wake_read{-1};
std::atomic<int> wake_write{-1};

extern "C" void on_stop_signal(int signal) {
  const int saved = errno;
  int expected = 0;
  if (caught.compare_exchange_strong(expected, signal)) {
    const char byte = 1;
    [[maybe_unused]] const ssize_t n = ::write(wake_write, &byte, 1);
  }
  errno = saved;
}

} // namespace

void install_stop_signals() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
    throw SysError(errno, "pipe2", "");
  wake_read = ends[0];
  wake_write = ends[1];
  struct sigaction action {};
  action.sa_handler = on_stop_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before {};
    ::sigaction(signal, nullptr, &before);
    if (before.sa_handler == SIG_IGN)
      continue; // nohup and background jobs of sh stay as they are
    if (::sigaction(signal, &action, nullptr) != 0)
      throw SysError(errno, "sigaction", "");
  }
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  if (::sigaction(SIGPIPE, &ignore, nullptr) != 0)
    throw SysError(errno, "sigaction", "SIGPIPE");
}

int stop_signal() { return caught; }

void check_stop() {
  if (const int signal = stop_signal(); signal != 0)
    throw Interrupted(signal);
}

int stop_fd() { return wake_read; }

void sleep_for(std::chrono::milliseconds duration) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + duration;
  for (;;) {
    check_stop();
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
    if (left.count() <= 0)
      return;
    struct pollfd wake {
      stop_fd(), POLLIN, 0
    };
    ::poll(&wake, 1, static_cast<int>(left.count()));
  }
}

} // namespace base
