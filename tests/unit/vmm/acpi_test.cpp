#include "vmm/boot/acpi.hpp"

#include <cstdint>
#include <cstring>
#include <set>
#include <string>
#include <vector>

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

// A table with the common header, checked.
std::string table_at(const vmm::GuestMemory& memory, std::uint64_t address,
                     const std::string& signature) {
  const std::uint64_t size = number(bytes_at(memory, address, 8), 4, 4);
  std::string table = bytes_at(memory, address, size);
  CHECK(table.substr(0, 4) == signature);
  CHECK(size >= 36);
  CHECK(sum(table) == 0);
  CHECK(address % 4 == 0);
  return table;
}

// The tables that a kernel finds from the RSDP on.
struct Tables {
  explicit Tables(unsigned cpus) {
    vmm::write_acpi(memory, cpus);
    rsdp = bytes_at(memory, vmm::acpi_address, 36);
    xsdt = table_at(memory, number(rsdp, 24, 8), "XSDT");
    fadt = table_at(memory, number(xsdt, 36, 8), "FACP");
    madt = table_at(memory, number(xsdt, 44, 8), "APIC");
  }
  vmm::GuestMemory memory{2u << 20};
  std::string rsdp;
  std::string xsdt;
  std::string fadt;
  std::string madt;
};

// The MADT's entries, as type and bytes.
std::vector<std::string> entries(const std::string& madt) {
  std::vector<std::string> all;
  for (std::size_t at = 44; at < madt.size();) {
    const std::size_t size = number(madt, at + 1, 1);
    REQUIRE(size >= 2);
    REQUIRE(at + size <= madt.size());
    all.push_back(madt.substr(at, size));
    at += size;
  }
  return all;
}

} // namespace

TEST_CASE("the RSDP has its signature and both checksums") {
  const Tables tables(1);
  CHECK(tables.rsdp.substr(0, 8) == "RSD PTR ");
  CHECK(sum(tables.rsdp.substr(0, 20)) == 0);
  CHECK(sum(tables.rsdp) == 0);
  CHECK(number(tables.rsdp, 15, 1) == 2);
  CHECK(number(tables.rsdp, 20, 4) == 36);
  CHECK(vmm::acpi_address % 16 == 0);
}

TEST_CASE("the XSDT has the two tables that a kernel looks for") {
  CHECK(Tables(1).xsdt.size() == 36 + 2 * 8);
}

TEST_CASE("the FADT leads to FACS and DSDT and names the ports") {
  const Tables tables(1);
  const std::string& fadt = tables.fadt;
  CHECK(fadt.size() == 276);
  const std::string facs = bytes_at(tables.memory, number(fadt, 36, 4), 64);
  CHECK(facs.substr(0, 4) == "FACS");
  CHECK(number(facs, 4, 4) == 64);
  CHECK(number(fadt, 36, 4) % 64 == 0);
  CHECK(number(fadt, 40, 4) == number(fadt, 140, 8));
  CHECK(number(fadt, 46, 2) == vmm::sci_line);
  CHECK(number(fadt, 56, 4) == vmm::pm1_event_port);
  CHECK(number(fadt, 64, 4) == vmm::pm1_control_port);
  CHECK(number(fadt, 148 + 4, 8) == vmm::pm1_event_port);
  CHECK(number(fadt, 172 + 4, 8) == vmm::pm1_control_port);
  CHECK(number(fadt, 116, 1) == 1); // the reset register: a port
  CHECK(number(fadt, 116 + 4, 8) == vmm::keyboard_command_port);
  CHECK(number(fadt, 128, 1) == vmm::keyboard_reset);
  CHECK((number(fadt, 112, 4) >> 10 & 1) == 1); // and it is there
}

TEST_CASE("the DSDT says which sleep type is off") {
  const Tables tables(1);
  const std::string aml = table_at(tables.memory, number(tables.fadt, 140, 8), "DSDT").substr(36);
  CHECK(aml == std::string("\x08_S5_\x12\x08\x04\x0a\x05\x0a\x05\x00\x00", 14));
}

TEST_CASE("the MADT has every CPU once, the I/O APIC and the timer's input") {
  const unsigned cpus = GENERATE(1u, 2u, 4u, 255u);
  const Tables tables(cpus);
  CHECK(number(tables.madt, 36, 4) == vmm::local_apic_address);
  std::set<std::uint64_t> ids;
  unsigned io_apics = 0;
  std::vector<std::uint64_t> overrides;
  for (const std::string& entry : entries(tables.madt)) {
    if (entry[0] == 0) {
      CHECK(entry.size() == 8);
      CHECK((number(entry, 4, 4) & 1) == 1);
      ids.insert(number(entry, 3, 1));
    } else if (entry[0] == 1) {
      CHECK(number(entry, 4, 4) == vmm::io_apic_address);
      ++io_apics;
    } else if (entry[0] == 2) {
      overrides.push_back(number(entry, 3, 1) << 8 | number(entry, 4, 4));
    }
  }
  CHECK(ids.size() == cpus);
  CHECK(*ids.rbegin() == cpus - 1);
  CHECK(io_apics == 1);
  CHECK(overrides == std::vector<std::uint64_t>{0x0002, 0x0909});
}

TEST_CASE("the tables of the most CPUs stay below the MP table") {
  const Tables tables(255);
  const auto above = tables.memory.at(vmm::mp_table_address, 4096);
  for (const std::uint8_t byte : above)
    REQUIRE(byte == 0);
}
