#include "vmm/device/control.hpp"

#include <array>
#include <vector>

#include <catch2/catch.hpp>

#include "vmm/boot/layout.hpp"

namespace {

using vmm::MachineRequest;

template<class Control> struct Asked {
  std::vector<MachineRequest> requests;
  Control control{[this](MachineRequest request) { requests.push_back(request); }};
};

constexpr std::uint16_t control_low = vmm::pm1_control_port - vmm::pm1_event_port;
constexpr unsigned sleep_enable = 1u << 13;

// As a bus splits it: low byte first.
void write_control(vmm::PowerControl& control, unsigned value) {
  control.write(control_low, static_cast<std::uint8_t>(value));
  control.write(control_low + 1, static_cast<std::uint8_t>(value >> 8));
}

unsigned read_control(vmm::PowerControl& control) {
  return control.read(control_low) | static_cast<unsigned>(control.read(control_low + 1)) << 8;
}

} // namespace

TEST_CASE("ACPI is on from the start and stays on") {
  Asked<vmm::PowerControl> power;
  CHECK(read_control(power.control) == 1);
  write_control(power.control, 0);
  CHECK(read_control(power.control) == 1);
}

TEST_CASE("S5 with sleep enable powers off, once") {
  Asked<vmm::PowerControl> power;
  write_control(power.control, vmm::sleep_type_off << 10 | 1); // ACPICA writes the type first
  CHECK(power.requests.empty());
  write_control(power.control, vmm::sleep_type_off << 10 | sleep_enable | 1);
  CHECK(power.requests == std::vector{MachineRequest::power_off});
  CHECK((read_control(power.control) & sleep_enable) == 0); // write-only
  write_control(power.control, vmm::sleep_type_off << 10 | 1);
  CHECK(power.requests.size() == 1);
}

TEST_CASE("no other sleep type powers off") {
  const unsigned type = GENERATE(0u, 1u, 2u, 3u, 4u, 6u, 7u);
  Asked<vmm::PowerControl> power;
  write_control(power.control, type << 10 | sleep_enable);
  CHECK(power.requests.empty());
  CHECK((read_control(power.control) >> 10 & 7) == type);
}

TEST_CASE("power status reads zero, the enable bits are kept") {
  Asked<vmm::PowerControl> power;
  power.control.write(0, 0xff);
  power.control.write(1, 0xff);
  CHECK(power.control.read(0) == 0);
  CHECK(power.control.read(1) == 0);
  power.control.write(2, 0x21);
  power.control.write(3, 0x43);
  CHECK(power.control.read(2) == 0x21);
  CHECK(power.control.read(3) == 0x43);
  CHECK(power.requests.empty());
}

TEST_CASE("0xfe to the keyboard controller resets, other commands do not") {
  Asked<vmm::KeyboardController> keyboard;
  for (const std::uint8_t command : std::array<std::uint8_t, 4>{0x00, 0xaa, 0xd1, 0xff})
    keyboard.control.write(0, command);
  CHECK(keyboard.requests.empty());
  CHECK((keyboard.control.read(0) & 0x02) == 0); // ready for a command
  keyboard.control.write(0, 0xfe);
  CHECK(keyboard.requests == std::vector{MachineRequest::reset});
}

TEST_CASE("bit 2 of port 0xcf9 resets") {
  Asked<vmm::ResetControl> reset;
  reset.control.write(0, 0x02); // "hard", not yet now
  CHECK(reset.requests.empty());
  reset.control.write(0, 0x06);
  CHECK(reset.requests == std::vector{MachineRequest::reset});
}
