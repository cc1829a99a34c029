#include "vmm/device/bus.hpp"

#include <array>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

namespace {

// Reads as base + offset, and counts upwards at each read of it.
class Recorder : public vmm::Device {
 public:
  explicit Recorder(std::uint8_t base) : next_(base) {}
  std::uint8_t read(std::uint16_t offset) override {
    return static_cast<std::uint8_t>(next_++ + offset);
  }
  void write(std::uint16_t offset, std::uint8_t value) override {
    written.emplace_back(offset, value);
  }
  std::vector<std::pair<unsigned, unsigned>> written;

 private:
  std::uint8_t next_;
};

using Written = std::vector<std::pair<unsigned, unsigned>>;

} // namespace

TEST_CASE("ports without a device read as ones and swallow writes") {
  vmm::Bus bus;
  Recorder device(0);
  bus.attach("device", 0x100, 8, device);
  std::array<std::uint8_t, 4> data{};
  bus.read(0x108, 4, data);
  CHECK(data == std::array<std::uint8_t, 4>{0xff, 0xff, 0xff, 0xff});
  bus.write(0xff, 1, std::array<std::uint8_t, 1>{7});
  CHECK(device.written.empty());
}

TEST_CASE("an access reaches the device at its offset") {
  vmm::Bus bus;
  Recorder first(0);
  Recorder second(0x40);
  bus.attach("first", 0x100, 8, first);
  bus.attach("second", 0x108, 1, second);
  std::array<std::uint8_t, 1> data{};
  bus.read(0x107, 1, data);
  CHECK(data[0] == 7);
  bus.read(0x108, 1, data);
  CHECK(data[0] == 0x40);
  bus.write(0x103, 1, std::array<std::uint8_t, 1>{9});
  CHECK(first.written == Written{{3, 9}});
  CHECK(second.written.empty());
}

TEST_CASE("a wide access is split into bytes, low first, each to its own device") {
  vmm::Bus bus;
  Recorder first(0);
  Recorder second(0x40);
  bus.attach("first", 0x100, 2, first);
  bus.attach("second", 0x102, 1, second);
  std::array<std::uint8_t, 4> data{};
  bus.read(0x100, 4, data);
  CHECK(data == std::array<std::uint8_t, 4>{0, 2, 0x40, 0xff});
  bus.write(0x101, 2, std::array<std::uint8_t, 2>{0x11, 0x22});
  CHECK(first.written == Written{{1, 0x11}});
  CHECK(second.written == Written{{0, 0x22}});
}

TEST_CASE("a string access is one after the other of the same port") {
  vmm::Bus bus;
  Recorder device(0x10);
  bus.attach("device", 0x100, 8, device);
  std::array<std::uint8_t, 3> bytes{};
  bus.read(0x100, 1, bytes);
  CHECK(bytes == std::array<std::uint8_t, 3>{0x10, 0x11, 0x12});
  bus.write(0x102, 2, std::array<std::uint8_t, 4>{1, 2, 3, 4});
  CHECK(device.written == Written{{2, 1}, {3, 2}, {2, 3}, {3, 4}});
}

TEST_CASE("an access at the last port does not come round to the first") {
  vmm::Bus bus;
  Recorder device(0);
  bus.attach("device", 0, 4, device);
  std::array<std::uint8_t, 4> data{};
  bus.read(0xffff, 4, data);
  CHECK(data == std::array<std::uint8_t, 4>{0xff, 0xff, 0xff, 0xff});
}

TEST_CASE("accesses are counted by device") {
  vmm::Bus bus;
  Recorder one(0);
  Recorder other(0);
  bus.attach("one", 0x100, 8, one);
  bus.attach("other", 0x200, 8, other);
  std::array<std::uint8_t, 4> data{};
  bus.read(0x100, 4, data);
  bus.write(0x101, 1, data);
  bus.read(0x300, 1, data);
  CHECK(bus.accesses() ==
        std::map<std::string, std::uint64_t>{{"one", 2}, {"other", 0}, {"none", 1}});
}

TEST_CASE("a locked function runs") {
  vmm::Bus bus;
  bool ran = false;
  bus.locked([&ran] { ran = true; });
  CHECK(ran);
}
