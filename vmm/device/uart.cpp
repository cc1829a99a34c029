#include "vmm/device/uart.hpp"

#include <algorithm>

namespace vmm {

namespace {

// Offsets
constexpr std::uint16_t data = 0;
constexpr std::uint16_t interrupt_enable = 1;
constexpr std::uint16_t interrupt_identity = 2; // read; written: FIFO control
constexpr std::uint16_t line_control = 3;
constexpr std::uint16_t modem_control = 4;
constexpr std::uint16_t line_status_at = 5;
constexpr std::uint16_t modem_status_at = 6;

// Interrupt enable
constexpr std::uint8_t enable_receive = 0x01;
constexpr std::uint8_t enable_transmit = 0x02;
constexpr std::uint8_t enable_all = 0x0f;
// Interrupt identity
constexpr std::uint8_t identity_none = 0x01;
constexpr std::uint8_t identity_transmit = 0x02;
constexpr std::uint8_t identity_receive = 0x04;
constexpr std::uint8_t identity_fifo = 0xc0;
// FIFO control
constexpr std::uint8_t fifo_enable = 0x01;
// Line control, line status
constexpr std::uint8_t divisor_access = 0x80;
constexpr std::uint8_t status_data_ready = 0x01;
constexpr std::uint8_t status_transmit_empty = 0x60;
// Modem control, modem status
constexpr std::uint8_t control_loop = 0x10;
constexpr std::uint8_t control_all = 0x1f;
constexpr std::uint8_t status_connected = 0xb0; // carrier, data set ready, clear to send

constexpr std::size_t fifo_size = 64;

} // namespace

std::uint8_t Uart::read(std::uint16_t offset) {
  const bool divisor = (r_.line_control & divisor_access) != 0;
  switch (offset) {
  case data:
    return divisor ? static_cast<std::uint8_t>(r_.divisor) : read_data();
  case interrupt_enable:
    return divisor ? static_cast<std::uint8_t>(r_.divisor >> 8) : r_.interrupts;
  case interrupt_identity:
    return identify();
  case line_control:
    return r_.line_control;
  case modem_control:
    return r_.modem_control;
  case line_status_at:
    return line_status();
  case modem_status_at:
    return modem_status();
  default:
    return r_.scratch;
  }
}

void Uart::write(std::uint16_t offset, std::uint8_t value) {
  const bool divisor = (r_.line_control & divisor_access) != 0;
  switch (offset) {
  case data:
    if (divisor)
      r_.divisor = static_cast<std::uint16_t>((r_.divisor & 0xff00) | value);
    else
      write_data(value);
    break;
  case interrupt_enable:
    if (divisor)
      r_.divisor = static_cast<std::uint16_t>((r_.divisor & 0x00ff) | value << 8);
    else
      write_interrupts(value);
    break;
  case interrupt_identity:
    write_fifo_control(value);
    break;
  case line_control:
    r_.line_control = value;
    break;
  case modem_control:
    r_.modem_control = value & control_all;
    break;
  case line_status_at:
  case modem_status_at:
    break;
  default:
    r_.scratch = value;
  }
}

void Uart::receive(std::string_view bytes) {
  if (taken_ == input_.size()) {
    input_.clear();
    taken_ = 0;
  }
  input_ += bytes;
  if (!has_input())
    refill();
}

// From empty: the line was low and rises now, which is what an edge-triggered interrupt needs.
void Uart::refill() {
  r_.fifo_level = std::min(fifo_size, input_.size() - taken_);
  update_line();
}

std::uint8_t Uart::read_data() {
  if (!has_input())
    return 0;
  const auto byte = static_cast<std::uint8_t>(input_[taken_++]);
  --r_.fifo_level;
  update_line();
  return byte;
}

std::uint8_t Uart::identify() {
  const std::uint8_t fifo = r_.fifo ? identity_fifo : 0;
  if (has_input() && (r_.interrupts & enable_receive) != 0)
    return fifo | identity_receive;
  if (!r_.transmit_pending) {
    if (!has_input())
      refill(); // the handler is about to leave
    return fifo | identity_none;
  }
  r_.transmit_pending = false; // reading it is the acknowledgement
  update_line();
  return fifo | identity_transmit;
}

std::uint8_t Uart::line_status() {
  if (has_input())
    return status_transmit_empty | status_data_ready;
  if ((r_.interrupts & enable_receive) == 0)
    refill(); // for a driver that polls
  return status_transmit_empty;
}

// In loop mode the outputs are the inputs: drivers look for a port that way.
std::uint8_t Uart::modem_status() const {
  if ((r_.modem_control & control_loop) == 0)
    return status_connected;
  const unsigned c = r_.modem_control;
  return static_cast<std::uint8_t>((c & 0x0c) << 4 | (c & 0x02) << 3 | (c & 0x01) << 5);
}

void Uart::write_data(std::uint8_t value) {
  if ((r_.modem_control & control_loop) != 0)
    receive({reinterpret_cast<const char*>(&value), 1});
  else
    sink_(static_cast<char>(value));
  r_.transmit_pending = (r_.interrupts & enable_transmit) != 0;
  update_line();
}

void Uart::write_interrupts(std::uint8_t value) {
  const bool wanted = (value & enable_transmit) != 0;
  const bool had = (r_.interrupts & enable_transmit) != 0;
  r_.interrupts = value & enable_all;
  // The transmitter is always empty: asking for the interrupt raises it.
  r_.transmit_pending = wanted && (r_.transmit_pending || !had);
  update_line();
}

// Clearing the receive FIFO is not done: a driver does it when it opens the port, and what was sent
// before would be lost.
void Uart::write_fifo_control(std::uint8_t value) { r_.fifo = (value & fifo_enable) != 0; }

Uart::State Uart::save() const { return {r_, input_.substr(taken_)}; }

void Uart::restore(const State& state) {
  r_ = state.registers;
  input_ = state.input;
  taken_ = 0;
  line_(r_.level);
}

void Uart::update_line() {
  const bool level = r_.transmit_pending || (has_input() && (r_.interrupts & enable_receive) != 0);
  if (level == r_.level)
    return;
  r_.level = level;
  line_(level);
}

} // namespace vmm
