// A 16550A serial port (National Semiconductor PC16550D data sheet;
// include/uapi/linux/serial_reg.h). The wire is infinitely fast: a byte written is a byte sent.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "vmm/device/device.hpp"

namespace vmm {

class Uart : public Device {
 public:
  using Sink = std::function<void(char)>;

  struct Registers {
    std::uint64_t fifo_level = 0; // bytes of input, how many the guest can see
    std::uint16_t divisor = 12;   // 9600 baud
    std::uint8_t interrupts = 0;
    std::uint8_t line_control = 0;
    std::uint8_t modem_control = 0;
    std::uint8_t scratch = 0;
    bool transmit_pending = false; // the interrupt "transmitter empty" waits to be seen
    bool fifo = false;
    bool level = false; // of the interrupt line
  };
  struct State {
    Registers registers;
    std::string input; // for the guest, not read yet
  };

  // sink: takes each byte that the guest sends.
  Uart(IrqLine line, Sink sink) : line_(std::move(line)), sink_(std::move(sink)) {}

  std::uint8_t read(std::uint16_t offset) override;
  void write(std::uint16_t offset, std::uint8_t value) override;

  // Bytes for the guest, in any number. It finds them in the receive FIFO, up to 64 at a time: a
  // driver reads until the FIFO is empty, and would not leave its interrupt handler otherwise.
  void receive(std::string_view bytes);

  State save() const;
  // Sets the interrupt line too.
  void restore(const State& state);

 private:
  std::uint8_t read_data();
  std::uint8_t identify();
  std::uint8_t line_status();
  std::uint8_t modem_status() const;
  void write_data(std::uint8_t value);
  void write_interrupts(std::uint8_t value);
  void write_fifo_control(std::uint8_t value);
  bool has_input() const { return r_.fifo_level > 0; }
  void refill();
  void update_line();

  IrqLine line_;
  Sink sink_;
  std::string input_;
  std::size_t taken_ = 0; // bytes of input_ that the guest has read
  Registers r_;
};

} // namespace vmm
