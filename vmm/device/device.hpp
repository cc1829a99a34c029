// What answers a guest's port accesses.
#pragma once

#include <cstdint>
#include <functional>

namespace vmm {

// Sets an interrupt line of the machine.
using IrqLine = std::function<void(bool level)>;

// What a guest asked of its machine.
enum class MachineRequest : std::uint8_t { none, power_off, reset };

// Registers of one byte each at a range of ports. A wider access is split into bytes, low first,
// unless the device says otherwise. Called by one vCPU at a time.
class Device {
 public:
  virtual ~Device() = default;
  // offset: from the device's first port.
  virtual std::uint8_t read(std::uint16_t offset) = 0;
  virtual void write(std::uint16_t offset, std::uint8_t value) = 0;
};

} // namespace vmm
