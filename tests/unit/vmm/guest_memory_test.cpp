#include "vmm/boot/guest_memory.hpp"

#include <algorithm>
#include <cstdint>
#include <string>

#include <catch2/catch.hpp>

#include "vmm/base/error.hpp"

namespace {

constexpr std::uint64_t mib = 1 << 20;
constexpr std::uint64_t gib = 1ULL << 30;
constexpr std::uint64_t most = ~std::uint64_t{0};

} // namespace

TEST_CASE("a guest's size is rounded up to a page, and its memory is zeroed") {
  CHECK(vmm::GuestMemory(2 * mib).size() == 2 * mib);
  const vmm::GuestMemory memory(2 * mib + 1);
  CHECK(memory.size() == 2 * mib + 4096);
  const auto bytes = memory.low().host;
  CHECK(std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b == 0; }));
}

TEST_CASE("access is bounded") {
  const vmm::GuestMemory memory(4 * mib);
  CHECK(memory.at(0, 4 * mib).size() == 4 * mib);
  CHECK(memory.at(4 * mib - 1, 1).size() == 1);
  CHECK(memory.at(4 * mib, 0).empty());
  CHECK_THROWS_AS(memory.at(4 * mib, 1), base::Error);
  CHECK_THROWS_AS(memory.at(4 * mib - 1, 2), base::Error);
  CHECK_THROWS_AS(memory.at(0, 4 * mib + 1), base::Error);
  CHECK_THROWS_AS(memory.at(4 * gib, 1), base::Error);
}

TEST_CASE("an address and a length that overflow together are outside") {
  const vmm::GuestMemory memory(4 * mib);
  CHECK_THROWS_AS(memory.at(most, 1), base::Error);
  CHECK_THROWS_AS(memory.at(1, most), base::Error);
  CHECK_THROWS_AS(memory.at(most, most), base::Error);
  CHECK_THROWS_AS(memory.at(most - 10, 20), base::Error);
}

TEST_CASE("what is written lies where it was put") {
  const vmm::GuestMemory memory(2 * mib);
  memory.write(0x1000, "abc");
  memory.put(0x1003, std::uint32_t{0x64636261});
  const auto bytes = memory.at(0x1000, 8);
  CHECK(std::string(bytes.begin(), bytes.end()) == std::string("abcabcd\0", 8));
  CHECK_THROWS_AS(memory.write(2 * mib - 2, "abc"), base::Error);
  CHECK_THROWS_AS(memory.put(2 * mib - 2, std::uint32_t{0}), base::Error);
  memory.write(2 * mib, "");
}

TEST_CASE("a small guest has nothing above the hole") {
  const vmm::GuestMemory memory(3 * gib);
  CHECK(memory.low().host.size() == 3 * gib);
  CHECK(memory.high().host.empty());
}

TEST_CASE("a large guest's memory goes on at 4 GiB") {
  const vmm::GuestMemory memory(5 * gib + 4096);
  CHECK(memory.low().host.size() == 3 * gib);
  CHECK(memory.high().address == 4 * gib);
  CHECK(memory.high().host.size() == 2 * gib + 4096);
  CHECK_THROWS_AS(memory.at(3 * gib, 1), base::Error);
  CHECK_THROWS_AS(memory.at(3 * gib - 4, 8), base::Error);
  CHECK_THROWS_AS(memory.at(4 * gib - 1, 1), base::Error);
  CHECK_THROWS_AS(memory.at(4 * gib - 1, 2), base::Error);
  CHECK(memory.at(3 * gib - 1, 1).data() + 1 == memory.at(4 * gib, 1).data());
  CHECK(memory.at(6 * gib, 4096).size() == 4096);
  CHECK_THROWS_AS(memory.at(6 * gib, 4097), base::Error);
  memory.write(6 * gib, "high");
  CHECK(memory.at(6 * gib, 1)[0] == 'h');
}

TEST_CASE("an access outside names itself and the guest's size") {
  const vmm::GuestMemory memory(2 * mib);
  CHECK_THROWS_WITH(memory.at(0x300000, 16),
                    Catch::Contains("0x300000, 16 bytes") && Catch::Contains("2 MiB"));
}
