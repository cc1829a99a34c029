#include "harness/backend/serial_port.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "vmm/base/error.hpp"

namespace harness {

namespace {

constexpr int accept_limit_ms = 10'000;
constexpr std::size_t read_limit = 256 << 10; // bytes a call
constexpr std::size_t write_limit = 64 << 10;

} // namespace

SerialPort::SerialPort(std::filesystem::path path)
    : path_(std::move(path)),
      listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
  if (!listener_)
    throw base::SysError(errno, "socket", path_);
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  if (path_.native().size() >= sizeof address.sun_path)
    throw base::SysError(ENAMETOOLONG, "bind", path_);
  std::memcpy(address.sun_path, path_.c_str(), path_.native().size());
  if (::bind(listener_.get(), reinterpret_cast<const struct sockaddr*>(&address), sizeof address) !=
      0)
    throw base::SysError(errno, "bind", path_);
  if (::listen(listener_.get(), 1) != 0)
    throw base::SysError(errno, "listen", path_);
}

SerialPort::~SerialPort() { ::unlink(path_.c_str()); }

void SerialPort::accept() {
  struct pollfd wait {
    listener_.get(), POLLIN, 0
  };
  int ready;
  do
    ready = ::poll(&wait, 1, accept_limit_ms);
  while (ready < 0 && errno == EINTR);
  connection_ =
      base::Fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!connection_)
    throw base::Error(fmt::format("{}: QEMU did not connect its serial port: {}", path_.string(),
                                  std::strerror(errno)));
  struct ucred credentials {};
  socklen_t size = sizeof credentials;
  if (::getsockopt(connection_.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0)
    peer_ = credentials.pid;
  listener_.reset();
  ::unlink(path_.c_str());
}

std::string SerialPort::read() {
  std::string bytes;
  if (!open())
    return bytes;
  bytes.resize(read_limit);
  std::size_t size = 0;
  while (size < read_limit) {
    const ssize_t n = ::read(connection_.get(), bytes.data() + size, read_limit - size);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0) {
      if (n == 0 || errno != EAGAIN)
        connection_.reset();
      break;
    }
    size += static_cast<std::size_t>(n);
  }
  bytes.resize(size);
  return bytes;
}

void SerialPort::flush() {
  while (has_pending()) {
    const ssize_t n = ::send(connection_.get(), pending_.data(),
                             std::min(pending_.size(), write_limit), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return; // full, or gone: read() sees the end
    pending_.erase(0, static_cast<std::size_t>(n));
  }
}

} // namespace harness
