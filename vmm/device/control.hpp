// How a guest ends: ACPI's PM1 registers, the keyboard controller's reset line, PCI's reset port.
#pragma once

#include <cstdint>

#include "vmm/device/device.hpp"

namespace vmm {

using Ask = std::function<void(MachineRequest)>;

// ACPI 6.4, 4.8.3: PM1 status, enable (2 bytes each) and control (2 bytes) from pm1_event_port on.
// Nothing ever happens to it; a sleep with type S5 is power off.
class PowerControl : public Device {
 public:
  struct State {
    std::uint16_t enable = 0;
    std::uint16_t control = 1; // SCI_EN: ACPI is on
  };

  explicit PowerControl(Ask ask) : ask_(std::move(ask)) {}
  std::uint8_t read(std::uint16_t offset) override;
  void write(std::uint16_t offset, std::uint8_t value) override;
  const State& save() const { return state_; }
  void restore(const State& state) { state_ = state; }

 private:
  Ask ask_;
  State state_;
};

// Port 0x64 of a machine without a keyboard. Its status is "output full, input empty": a kernel
// that looks for a controller gives up after 16 reads, one that wants to reset does not wait.
class KeyboardController : public Device {
 public:
  explicit KeyboardController(Ask ask) : ask_(std::move(ask)) {}
  std::uint8_t read(std::uint16_t offset) override;
  void write(std::uint16_t offset, std::uint8_t value) override;

 private:
  Ask ask_;
};

// Port 0xcf9: bit 2 resets.
class ResetControl : public Device {
 public:
  explicit ResetControl(Ask ask) : ask_(std::move(ask)) {}
  std::uint8_t read(std::uint16_t offset) override;
  void write(std::uint16_t offset, std::uint8_t value) override;

 private:
  Ask ask_;
};

} // namespace vmm
