#include "vmm/device/clock.hpp"

namespace vmm {

namespace {

std::uint8_t bcd(int value) { return static_cast<std::uint8_t>(value / 10 << 4 | value % 10); }

} // namespace

std::uint8_t Clock::read(std::uint16_t offset) {
  return offset == 0 ? state_.index : read_register();
}

void Clock::write(std::uint16_t offset, std::uint8_t value) {
  if (offset == 0)
    state_.index = value & 0x7f; // bit 7 masks NMI
  else
    state_.memory[state_.index] = value;
}

std::uint8_t Clock::read_register() const {
  const std::time_t now = now_();
  std::tm time{};
  ::gmtime_r(&now, &time);
  switch (state_.index) {
  case 0x0:
    return bcd(time.tm_sec);
  case 0x2:
    return bcd(time.tm_min);
  case 0x4:
    return bcd(time.tm_hour);
  case 0x6:
    return static_cast<std::uint8_t>(time.tm_wday + 1);
  case 0x7:
    return bcd(time.tm_mday);
  case 0x8:
    return bcd(time.tm_mon + 1);
  case 0x9:
    return bcd(time.tm_year % 100);
  case 0x32: // century
    return bcd(time.tm_year / 100 + 19);
  case 0xa:
    return 0x26; // 32768 Hz, no update in progress
  case 0xb:
    return 0x02; // 24 hours, BCD
  case 0xc:
    return 0x00; // no interrupt came
  case 0xd:
    return 0x80; // the battery is good
  default:
    return state_.memory[state_.index];
  }
}

} // namespace vmm
