#include "guest/agent/channel.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

namespace guest {

std::string Channel::open(const char* path) {
  // Without O_NONBLOCK the open waits for a carrier on ports that have modem lines.
  fd_ = ::open(path, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  if (fd_ < 0)
    return std::string(path) + ": " + std::strerror(errno);
  termios settings{};
  if (::tcgetattr(fd_, &settings) != 0)
    return std::string(path) + ": " + std::strerror(errno);
  ::cfmakeraw(&settings);
  settings.c_cflag &= ~static_cast<tcflag_t>(CRTSCTS);
  settings.c_cflag |= CLOCAL | CREAD;
  settings.c_cc[VMIN] = 1;
  settings.c_cc[VTIME] = 0;
  ::cfsetispeed(&settings, B115200);
  ::cfsetospeed(&settings, B115200);
  if (::tcsetattr(fd_, TCSANOW, &settings) != 0)
    return std::string(path) + ": " + std::strerror(errno);
  ::ioctl(fd_, TIOCEXCL);
  const int flags = ::fcntl(fd_, F_GETFL);
  ::fcntl(fd_, F_SETFL, flags & ~O_NONBLOCK);
  return "";
}

void Channel::send(const std::string& frame) {
  const std::lock_guard<std::mutex> lock(writing_);
  std::size_t sent = 0;
  while (sent < frame.size()) {
    const ssize_t count = ::write(fd_, frame.data() + sent, frame.size() - sent);
    if (count > 0)
      sent += static_cast<std::size_t>(count);
    else if (errno != EINTR && errno != EAGAIN)
      return;
  }
}

void Channel::read_some() {
  char bytes[4096];
  const ssize_t count = ::read(fd_, bytes, sizeof bytes);
  if (count > 0)
    decoder_.feed({bytes, static_cast<std::size_t>(count)});
}

} // namespace guest
