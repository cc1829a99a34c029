// The agent's end of the channel: frames over the second serial port.
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "guest/wire.hpp"

namespace guest {

class Channel {
 public:
  // Opens the port raw, for this process alone. "" or why it cannot be used.
  std::string open(const char* path);
  int fd() const { return fd_; }

  // Writes a whole frame. Any thread.
  void send(const std::string& frame);
  void note(const std::string& text) { send(encode(Frame{FrameType::note, text})); }

  // Takes in what has arrived; call it when fd() is readable.
  void read_some();
  std::optional<Frame> next() { return decoder_.next(); }

 private:
  int fd_ = -1;
  std::mutex writing_;
  Decoder decoder_{max_payload};
};

} // namespace guest
