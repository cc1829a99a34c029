// The ports of a machine: which device answers where.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "vmm/device/device.hpp"

namespace vmm {

class Bus {
 public:
  // Before the first access; ranges do not overlap. The device outlives the bus.
  void attach(const std::string& name, std::uint16_t first_port, std::uint16_t ports,
              Device& device);

  // One or more accesses of `size` bytes to a port, as KVM gives them. Ports that no device has
  // read as ones, as on a PC. Any thread.
  void read(std::uint16_t port, std::uint8_t size, std::span<std::uint8_t> data);
  void write(std::uint16_t port, std::uint8_t size, std::span<const std::uint8_t> data);

  // Accesses so far, by device; "none": of ports that no device has.
  std::map<std::string, std::uint64_t> accesses() const;

  // Runs a function while no vCPU is in a device.
  template<class Function> void locked(Function&& function) {
    const std::lock_guard lock(mutex_);
    function();
  }

 private:
  struct Slot {
    std::string name;
    std::uint16_t first;
    std::uint16_t ports;
    Device* device;
    std::uint64_t accesses;
  };
  Slot* slot_of(std::uint32_t port);

  mutable std::mutex mutex_;
  std::vector<Slot> slots_; // some five: no search is faster than looking at each
  std::uint64_t unclaimed_ = 0;
};

} // namespace vmm
