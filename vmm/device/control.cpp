#include "vmm/device/control.hpp"

#include "vmm/boot/layout.hpp"

namespace vmm {

namespace {

constexpr std::uint16_t enable_at = 2;
constexpr std::uint16_t control_at = pm1_control_port - pm1_event_port;

std::uint8_t byte_of(std::uint16_t value, unsigned byte) {
  return static_cast<std::uint8_t>(value >> (8 * byte));
}

std::uint16_t with_byte(std::uint16_t value, unsigned byte, std::uint8_t to) {
  const unsigned shift = 8 * byte;
  return static_cast<std::uint16_t>((value & ~(0xffu << shift)) | unsigned{to} << shift);
}

} // namespace

std::uint8_t PowerControl::read(std::uint16_t offset) {
  if (offset >= control_at)
    return byte_of(state_.control, offset - control_at);
  return offset >= enable_at ? byte_of(state_.enable, offset - enable_at) : 0;
}

void PowerControl::write(std::uint16_t offset, std::uint8_t value) {
  constexpr std::uint16_t sleep_enable = 1u << 13; // write-only
  if (offset < enable_at)
    return; // status: written to acknowledge what never came
  if (offset < control_at) {
    state_.enable = with_byte(state_.enable, offset - enable_at, value);
    return;
  }
  const std::uint16_t control = with_byte(state_.control, offset - control_at, value);
  state_.control = (control & static_cast<std::uint16_t>(~sleep_enable)) | 1;
  if ((control & sleep_enable) != 0 && (control >> 10 & 7) == sleep_type_off)
    ask_(MachineRequest::power_off);
}

std::uint8_t KeyboardController::read(std::uint16_t /*offset*/) { return 0x01; }

void KeyboardController::write(std::uint16_t /*offset*/, std::uint8_t value) {
  if (value == keyboard_reset)
    ask_(MachineRequest::reset);
}

std::uint8_t ResetControl::read(std::uint16_t /*offset*/) { return 0; }

void ResetControl::write(std::uint16_t /*offset*/, std::uint8_t value) {
  if ((value & 0x04) != 0)
    ask_(MachineRequest::reset);
}

} // namespace vmm
