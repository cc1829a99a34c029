// The host's end of a guest's serial port: a unix socket that QEMU connects to.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <sys/types.h>

#include "vmm/base/fd.hpp"

namespace harness {

class SerialPort {
 public:
  // Listens at path (at most 107 bytes). Throws base::SysError.
  explicit SerialPort(std::filesystem::path path);
  SerialPort(const SerialPort&) = delete;
  SerialPort& operator=(const SerialPort&) = delete;
  ~SerialPort();

  // Takes QEMU's connection. Throws base::Error where none comes within 10 s.
  void accept();
  // The process at the other end of the connection; 0 before accept().
  pid_t peer() const { return peer_; }
  const std::filesystem::path& path() const { return path_; }
  // Of the connection; -1 before it and after end of file.
  int fd() const { return connection_.get(); }
  bool open() const { return static_cast<bool>(connection_); }

  // What has arrived, at most 256 KiB; closes the connection at its end. Never waits.
  std::string read();
  void queue(std::string_view bytes) { pending_ += bytes; }
  bool has_pending() const { return open() && !pending_.empty(); }
  // Writes as much of what is queued as fits. Never waits.
  void flush();

 private:
  std::filesystem::path path_;
  base::Fd listener_;
  base::Fd connection_;
  pid_t peer_ = 0;
  std::string pending_;
};

} // namespace harness
