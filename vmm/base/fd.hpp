// One owner per file descriptor.
#pragma once

#include <utility>

namespace base {

// Owns one descriptor and closes it. Move-only; empty when default-constructed or moved from.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  // -1 when empty.
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  // Gives up ownership; -1 when empty.
  int release() { return std::exchange(fd_, -1); }
  void reset();

 private:
  int fd_ = -1;
};

struct Pipe {
  Fd read;
  Fd write;
};

// Both ends close-on-exec. Throws SysError.
Pipe make_pipe();

// A connected pair of stream sockets, close-on-exec. Throws SysError.
std::pair<Fd, Fd> make_socket_pair();

// Throws SysError.
void set_nonblocking(const Fd& fd);

} // namespace base
