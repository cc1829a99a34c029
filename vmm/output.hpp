// What a guest sends, on its way to whoever reads it.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>

#include "vmm/base/fd.hpp"

namespace vmm {

// The serial ports, in the order of their numbers.
enum class Port : unsigned char { console, channel };
constexpr std::size_t port_count = 2;

// Written by vCPU threads, read by the machine's owner.
class Output {
 public:
  static constexpr std::size_t limit = 1 << 20;

  Output();
  // Never waits.
  void put(Port port, char byte);
  // Waits while a port holds `limit` bytes or more, unless close() was called. What a vCPU calls
  // after it sent something, with no lock held: a guest that sends faster than it is read waits.
  void wait_for_room();
  // All that came since the last call, by port. Never waits.
  std::array<std::string, port_count> take();
  // Readable from a put() or wake() on, until the next take().
  int fd() const { return event_.get(); }
  void wake() const;
  // Nobody reads any more, or for a while: wait_for_room() waits no longer.
  void close();
  // After close(): it is read again.
  void open();
  // Forgets what is there, then as open().
  void reset();

 private:
  base::Fd event_;
  std::mutex mutex_;
  std::condition_variable room_;
  std::array<std::string, port_count> bytes_;
  std::atomic<bool> full_{false};
  bool closed_ = false;
};

} // namespace vmm
