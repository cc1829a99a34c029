#include "vmm/boot/mp_table.hpp"

#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>

#include <catch2/catch.hpp>

#include "vmm/boot/layout.hpp"

namespace {

std::string bytes_at(const vmm::GuestMemory& memory, std::uint64_t address, std::size_t size) {
  const auto bytes = memory.at(address, size);
  return {bytes.begin(), bytes.end()};
}

std::uint64_t number(const std::string& bytes, std::size_t at, std::size_t size) {
  REQUIRE(at + size <= bytes.size());
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data() + at, size);
  return value;
}

unsigned sum(const std::string& bytes) {
  unsigned total = 0;
  for (const char c : bytes)
    total += static_cast<std::uint8_t>(c);
  return total & 0xff;
}

} // namespace

TEST_CASE("the floating pointer is where kernels look, and leads to the table") {
  const vmm::GuestMemory memory(2u << 20);
  vmm::write_mp_table(memory, 2);
  const std::string pointer = bytes_at(memory, vmm::mp_table_address, 16);
  CHECK(pointer.substr(0, 4) == "_MP_");
  CHECK(sum(pointer) == 0);
  CHECK(number(pointer, 8, 1) == 1); // of 16 bytes
  CHECK(number(pointer, 9, 1) == 4);
  CHECK(vmm::mp_table_address % 16 == 0);
  CHECK(bytes_at(memory, number(pointer, 4, 4), 4) == "PCMP");
}

TEST_CASE("the MP table has its length, checksum and as many entries as it says") {
  const unsigned cpus = GENERATE(1u, 2u, 4u, 255u);
  const vmm::GuestMemory memory(2u << 20);
  vmm::write_mp_table(memory, cpus);
  const std::uint64_t at = vmm::mp_table_address + 16;
  const std::uint64_t size = number(bytes_at(memory, at, 8), 4, 2);
  const std::string table = bytes_at(memory, at, size);
  CHECK(sum(table) == 0);
  CHECK(number(table, 36, 4) == vmm::local_apic_address);

  constexpr std::array<std::size_t, 5> sizes{20, 8, 8, 8, 8};
  std::map<std::uint64_t, unsigned> counts; // by type
  unsigned boot_cpus = 0;
  std::size_t next = 44;
  for (std::uint64_t i = 0; i < number(table, 34, 2); ++i) {
    const std::uint64_t type = number(table, next, 1);
    REQUIRE(type < sizes.size());
    if (type == 0) {
      CHECK(number(table, next + 1, 1) == counts[0]); // APIC ids from 0 on
      CHECK((number(table, next + 3, 1) & 1) == 1);
      boot_cpus += (number(table, next + 3, 1) & 2) != 0 ? 1 : 0;
    }
    if (type == 2)
      CHECK(number(table, next + 4, 4) == vmm::io_apic_address);
    ++counts[type];
    next += sizes[type];
  }
  CHECK(next == table.size());
  CHECK(counts == std::map<std::uint64_t, unsigned>{{0, cpus}, {1, 1}, {2, 1}, {3, 15}, {4, 2}});
  CHECK(boot_cpus == 1);
}
