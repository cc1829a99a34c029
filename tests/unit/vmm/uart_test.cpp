#include "vmm/device/uart.hpp"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

namespace {

// Offsets and bits of include/uapi/linux/serial_reg.h.
constexpr std::uint16_t rx = 0;
constexpr std::uint16_t tx = 0;
constexpr std::uint16_t ier = 1;
constexpr std::uint16_t iir = 2;
constexpr std::uint16_t fcr = 2;
constexpr std::uint16_t lcr = 3;
constexpr std::uint16_t mcr = 4;
constexpr std::uint16_t lsr = 5;
constexpr std::uint16_t msr = 6;
constexpr std::uint16_t scr = 7;
constexpr std::uint8_t ier_rdi = 0x01;
constexpr std::uint8_t ier_thri = 0x02;
constexpr std::uint8_t iir_none = 0x01;
constexpr std::uint8_t iir_thri = 0x02;
constexpr std::uint8_t iir_rdi = 0x04;
constexpr std::uint8_t lsr_dr = 0x01;

struct Port {
  std::string sent;
  std::vector<bool> edges;
  vmm::Uart uart{[this](bool level) { edges.push_back(level); },
                 [this](char byte) { sent += byte; }};

  bool line() const { return !edges.empty() && edges.back(); }
  unsigned status() { return uart.read(lsr); }

  // What a driver does in its handler: bytes until there are none, then whether there is more to
  // do.
  std::string handle() {
    std::string got;
    while ((uart.read(iir) & iir_none) == 0)
      while ((uart.read(lsr) & lsr_dr) != 0)
        got += static_cast<char>(uart.read(rx));
    return got;
  }
};

std::string pattern(std::size_t size) {
  std::string bytes;
  for (std::size_t i = 0; i < size; ++i)
    bytes += static_cast<char>(i * 7 + i / 256);
  return bytes;
}

} // namespace

TEST_CASE("a fresh port is empty, silent and connected") {
  Port port;
  CHECK(port.uart.read(iir) == iir_none);
  CHECK(port.uart.read(lsr) == 0x60);
  CHECK(port.uart.read(msr) == 0xb0);
  CHECK(port.uart.read(ier) == 0);
  CHECK(port.uart.read(rx) == 0);
  CHECK(port.edges.empty());
}

TEST_CASE("bytes written go out in order, without interrupts where none are asked for") {
  Port port;
  for (const char c : std::string("boot\n"))
    port.uart.write(tx, static_cast<std::uint8_t>(c));
  CHECK(port.sent == "boot\n");
  CHECK(port.edges.empty());
}

TEST_CASE("the transmitter's interrupt comes when it is asked for and after each byte") {
  Port port;
  port.uart.write(ier, ier_thri);
  CHECK(port.line());
  CHECK(port.uart.read(iir) == iir_thri);
  CHECK(!port.line());
  CHECK(port.uart.read(iir) == iir_none);
  for (int i = 0; i < 3; ++i) {
    port.uart.write(tx, 'x');
    CHECK(port.line());
    CHECK(port.uart.read(iir) == iir_thri);
    CHECK(!port.line());
  }
  CHECK(port.uart.read(iir) == iir_none);
  CHECK(port.edges.size() == 8);
}

TEST_CASE("the transmitter's interrupt comes anew when it is asked for anew, not when it stays") {
  Port port;
  port.uart.write(ier, ier_thri);
  CHECK(port.uart.read(iir) == iir_thri);
  port.uart.write(ier, ier_thri | ier_rdi);
  CHECK(!port.line());
  port.uart.write(ier, 0);
  port.uart.write(ier, ier_thri); // the 8250 driver tests for a broken THRE this way
  CHECK(port.uart.read(iir) == iir_thri);
}

TEST_CASE("no transmitter's interrupt is left when it is no longer wanted") {
  Port port;
  port.uart.write(ier, ier_thri);
  port.uart.write(ier, 0);
  CHECK(!port.line());
  CHECK(port.uart.read(iir) == iir_none);
}

TEST_CASE("receiving comes before sending") {
  Port port;
  port.uart.write(ier, ier_rdi | ier_thri);
  port.uart.receive("a");
  CHECK(port.uart.read(iir) == iir_rdi);
  CHECK(port.uart.read(iir) == iir_rdi); // reading it does not acknowledge it
  CHECK(port.line());
  CHECK(port.uart.read(rx) == 'a');
  CHECK(port.line());
  CHECK(port.uart.read(iir) == iir_thri);
  CHECK(!port.line());
}

TEST_CASE("the FIFO shows in the identity once it is on") {
  Port port;
  port.uart.write(fcr, 0x01);
  CHECK(port.uart.read(iir) == (0xc0 | iir_none));
  port.uart.write(ier, ier_thri);
  CHECK(port.uart.read(iir) == (0xc0 | iir_thri));
  port.uart.write(fcr, 0x00);
  CHECK(port.uart.read(iir) == iir_none);
}

TEST_CASE("what was received before the driver opened the port is still there") {
  Port port;
  port.uart.receive("early");
  CHECK(!port.line());
  port.uart.write(fcr, 0x07); // on, clear both
  port.uart.write(ier, ier_rdi);
  CHECK(port.line());
  CHECK(port.handle() == "early");
}

TEST_CASE("loopback looks like a 16550A to the 8250 driver's autoconfig") {
  Port port;
  port.uart.write(ier, 0x00);
  CHECK(port.uart.read(ier) == 0x00);
  port.uart.write(ier, 0x0f);
  CHECK(port.uart.read(ier) == 0x0f);
  port.uart.write(ier, 0xff);
  CHECK(port.uart.read(ier) == 0x0f);
  port.uart.write(ier, 0x00);
  port.uart.write(mcr, 0x10 | 0x0a);
  CHECK((port.uart.read(msr) & 0xf0) == 0x90);
  port.uart.write(mcr, 0x10 | 0x05);
  CHECK((port.uart.read(msr) & 0xf0) == 0x60);
  port.uart.write(mcr, 0x00);
  CHECK(port.uart.read(msr) == 0xb0);
  port.uart.write(scr, 0x5a);
  CHECK(port.uart.read(scr) == 0x5a);
}

TEST_CASE("in loopback a byte written is received and not sent") {
  Port port;
  port.uart.write(mcr, 0x10);
  port.uart.write(tx, 'l');
  CHECK(port.sent.empty());
  CHECK((port.status() & lsr_dr) != 0);
  CHECK(port.uart.read(rx) == 'l');
}

TEST_CASE("the divisor is behind the data and interrupt registers") {
  Port port;
  port.uart.receive("a");
  port.uart.write(lcr, 0x83);
  CHECK(port.uart.read(0) == 12);
  CHECK(port.uart.read(1) == 0);
  port.uart.write(0, 0x34);
  port.uart.write(1, 0x12);
  CHECK(port.uart.read(0) == 0x34);
  CHECK(port.uart.read(1) == 0x12);
  CHECK(port.uart.read(lcr) == 0x83);
  port.uart.write(lcr, 0x03);
  CHECK(port.uart.read(ier) == 0);
  CHECK(port.uart.read(rx) == 'a');
  CHECK(port.sent.empty());
  CHECK(port.edges.empty());
}

TEST_CASE("status registers cannot be written") {
  Port port;
  port.uart.write(lsr, 0xff);
  port.uart.write(msr, 0x00);
  CHECK(port.uart.read(lsr) == 0x60);
  CHECK(port.uart.read(msr) == 0xb0);
}

TEST_CASE("many bytes reach a handler in order, at most 64 between two edges of the line") {
  Port port;
  const std::string all = pattern(1000);
  port.uart.write(ier, ier_rdi);
  port.uart.receive(all);
  std::string got;
  while (port.line()) {
    REQUIRE((port.uart.read(iir) & 0x0f) == iir_rdi);
    std::size_t at_once = 0;
    for (; (port.uart.read(lsr) & lsr_dr) != 0; ++at_once)
      got += static_cast<char>(port.uart.read(rx));
    CHECK(at_once <= 64);
    REQUIRE(!port.line());
    CHECK(port.uart.read(iir) == iir_none); // and the line rises for the rest
  }
  CHECK((got == all));
  CHECK(port.edges.size() == 2 * 16); // 15 times 64, and 40
}

TEST_CASE("a handler that asks again and again gets all") {
  Port port;
  const std::string all = pattern(1000);
  port.uart.write(ier, ier_rdi | ier_thri);
  port.uart.receive(all);
  std::string got;
  while (port.line())
    got += port.handle();
  CHECK((got == all));
}

TEST_CASE("bytes that come while the handler is at it are not lost") {
  Port port;
  port.uart.write(ier, ier_rdi);
  port.uart.receive(pattern(100));
  std::string got;
  for (int i = 0; i < 64; ++i)
    got += static_cast<char>(port.uart.read(rx));
  CHECK(!port.line());
  port.uart.receive("more");
  CHECK(port.line());
  while (port.line())
    got += port.handle();
  CHECK((got == pattern(100) + "more"));
}

TEST_CASE("a driver that polls gets all") {
  Port port;
  const std::string all = pattern(1000);
  port.uart.receive(all);
  std::string got;
  int idle = 0; // it looks again before it gives up
  while (idle < 2) {
    if ((port.uart.read(lsr) & lsr_dr) != 0) {
      got += static_cast<char>(port.uart.read(rx));
      idle = 0;
    } else {
      ++idle;
    }
  }
  CHECK((got == all));
  CHECK(port.edges.empty());
}

TEST_CASE("interrupts switched off and on again in the middle find the rest") {
  Port port;
  const std::string all = pattern(200);
  port.uart.write(ier, ier_rdi);
  port.uart.receive(all);
  std::string got;
  for (int i = 0; i < 64; ++i)
    got += static_cast<char>(port.uart.read(rx));
  port.uart.write(ier, 0);
  port.uart.write(ier, ier_rdi);
  port.uart.read(lsr);
  port.uart.read(iir);
  while (port.line())
    got += port.handle();
  CHECK((got == all));
}

TEST_CASE("a saved port goes on in another: registers, line, and what was not read yet") {
  Port port;
  port.uart.write(ier, ier_rdi);
  port.uart.write(scr, 0x5a);
  port.uart.receive(pattern(100));
  const auto first = static_cast<char>(port.uart.read(rx));
  const vmm::Uart::State state = port.uart.save();
  Port other;
  other.uart.restore(state);
  CHECK(other.line());
  CHECK(other.uart.read(scr) == 0x5a);
  for (Port* each : {&other, &port}) {
    std::string got(1, first);
    while (each->line())
      got += each->handle();
    CHECK(got == pattern(100));
  }
}
