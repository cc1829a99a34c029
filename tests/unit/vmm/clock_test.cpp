#include "vmm/device/clock.hpp"

#include <catch2/catch.hpp>

namespace {

// A clock at a fixed second, and a register of it as a driver reads it.
struct FixedClock {
  std::time_t now;
  vmm::Clock clock{[this] { return now; }};

  unsigned at(std::uint8_t index) {
    clock.write(0, index);
    return clock.read(1);
  }
};

} // namespace

TEST_CASE("time is UTC in BCD with its century") {
  FixedClock rtc{951'868'799}; // Tuesday, 29 February 2000, 23:59:59
  CHECK(rtc.at(0x00) == 0x59);
  CHECK(rtc.at(0x02) == 0x59);
  CHECK(rtc.at(0x04) == 0x23);
  CHECK(rtc.at(0x06) == 3);
  CHECK(rtc.at(0x07) == 0x29);
  CHECK(rtc.at(0x08) == 0x02);
  CHECK(rtc.at(0x09) == 0x00);
  CHECK(rtc.at(0x32) == 0x20);
}

TEST_CASE("the century changes with the year") {
  FixedClock rtc{946'684'799}; // 31 December 1999
  CHECK(rtc.at(0x09) == 0x99);
  CHECK(rtc.at(0x32) == 0x19);
  rtc.now += 1;
  CHECK(rtc.at(0x09) == 0x00);
  CHECK(rtc.at(0x32) == 0x20);
}

TEST_CASE("no update is ever in progress, and the data is valid 24-hour BCD") {
  FixedClock rtc{0};
  for (int i = 0; i < 100; ++i)
    CHECK((rtc.at(0x0a) & 0x80) == 0);
  CHECK((rtc.at(0x0b) & 0x06) == 0x02);
  CHECK(rtc.at(0x0c) == 0);
  CHECK((rtc.at(0x0d) & 0x80) != 0);
}

TEST_CASE("what is written to the clock itself does not change it") {
  FixedClock rtc{0};
  rtc.clock.write(0, 0x0b);
  rtc.clock.write(1, 0x04); // binary
  CHECK(rtc.at(0x0b) == 0x02);
  rtc.clock.write(0, 0x09);
  rtc.clock.write(1, 0x33);
  CHECK(rtc.at(0x09) == 0x70);
}

TEST_CASE("the rest is memory; the index keeps seven bits") {
  FixedClock rtc{0};
  rtc.clock.write(0, 0x80 | 0x0f); // bit 7: no NMI
  CHECK(rtc.clock.read(0) == 0x0f);
  rtc.clock.write(1, 0xa5);
  CHECK(rtc.at(0x0f) == 0xa5);
  CHECK(rtc.at(0x7f) == 0);
}
