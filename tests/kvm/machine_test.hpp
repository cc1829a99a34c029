// What the tests of machines share: hearing one, and what this process holds.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include "vmm/machine.hpp"

namespace kvm_test {

// All that a machine said so far.
struct Heard {
  std::string console;
  std::string channel;
  vmm::MachineState state = vmm::MachineState::running;
  std::string reason;
};

// Until the machine ends, enough holds, or `limit` passes.
inline Heard hear(vmm::Machine& machine, std::chrono::milliseconds limit,
                  const std::function<bool(const Heard&)>& enough) {
  const auto end = std::chrono::steady_clock::now() + limit;
  Heard heard;
  while (heard.state == vmm::MachineState::running && !enough(heard) &&
         std::chrono::steady_clock::now() < end) {
    struct pollfd ready {
      machine.event_fd(), POLLIN, 0
    };
    ::poll(&ready, 1, 500);
    const vmm::MachineNews news = machine.take();
    heard.console += news.output[static_cast<std::size_t>(vmm::Port::console)];
    heard.channel += news.output[static_cast<std::size_t>(vmm::Port::channel)];
    heard.state = news.state;
    heard.reason = news.reason;
  }
  return heard;
}

// What this process holds.
struct Holdings {
  long descriptors = 0;
  long threads = 0;
  long resident_kib = 0;
  long own_kib = 0; // resident, of no file
};

inline long entries(const char* folder) {
  return std::distance(std::filesystem::directory_iterator(folder),
                       std::filesystem::directory_iterator());
}

// A field of /proc/self/status (Documentation/filesystems/proc.rst), in KiB.
inline long status_kib(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind(field + ":", 0) == 0)
      return std::stol(line.substr(field.size() + 1));
  throw std::runtime_error("/proc/self/status has no " + field);
}

// A joined thread may still be in /proc/self/task for a moment.
inline Holdings holdings() {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  while (entries("/proc/self/task") > 1 && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return {entries("/proc/self/fd"), entries("/proc/self/task"), status_kib("VmRSS"),
          status_kib("RssAnon")};
}

// How often of that many: all with KREPRO_TEST_ROUNDS=all, else a part, at least 12.
inline int rounds(int all) {
  const char* set = std::getenv("KREPRO_TEST_ROUNDS");
  return set != nullptr && std::string_view(set) == "all" ? all : std::max(12, all / 5);
}

} // namespace kvm_test
