#include "vmm/boot/acpi.hpp"

#include <array>
#include <cstddef>
#include <numeric>
#include <string>
#include <string_view>

#include "vmm/base/error.hpp"
#include "vmm/boot/layout.hpp"

namespace vmm {

namespace {

using Bytes = std::string;

void put(Bytes& to, std::uint64_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i)
    to += static_cast<char>(value >> (8 * i) & 0xff);
}

void put_at(Bytes& to, std::size_t at, std::uint64_t value, std::size_t size) {
  ASSERT(at + size <= to.size());
  for (std::size_t i = 0; i < size; ++i)
    to[at + i] = static_cast<char>(value >> (8 * i) & 0xff);
}

// Makes the bytes' sum zero.
void set_checksum(Bytes& table, std::size_t at, std::size_t length) {
  table[at] = 0;
  unsigned sum = 0;
  for (std::size_t i = 0; i < length; ++i)
    sum += static_cast<std::uint8_t>(table[i]);
  table[at] = static_cast<char>(-sum & 0xff);
}

// A table with the header that all but RSDP and FACS share (5.2.6).
Bytes table(std::string_view signature, unsigned revision, std::string_view body) {
  Bytes bytes(signature);
  put(bytes, 36 + body.size(), 4);
  put(bytes, revision, 1);
  put(bytes, 0, 1);
  bytes += "KREPRO";
  bytes += "KREPROVM";
  put(bytes, 1, 4);
  bytes += "KREP";
  put(bytes, 1, 4);
  bytes += body;
  set_checksum(bytes, 9, bytes.size());
  return bytes;
}

// A generic address (5.2.3.2) of an I/O port.
void put_port(Bytes& to, std::size_t at, std::uint16_t port, unsigned bytes) {
  constexpr unsigned system_io = 1;
  put_at(to, at, system_io, 1);
  put_at(to, at + 1, bytes * 8, 1);
  put_at(to, at + 3, bytes == 1 ? 1 : bytes == 2 ? 2 : 3, 1); // access size
  put_at(to, at + 4, port, 8);
}

// Offsets of 5.2.9, from the table's start.
Bytes fadt(std::uint64_t facs, std::uint64_t dsdt) {
  constexpr std::size_t header = 36;
  Bytes t(276, '\0');
  put_at(t, 36, facs, 4);
  put_at(t, 40, dsdt, 4);
  put_at(t, 46, sci_line, 2);
  put_at(t, 56, pm1_event_port, 4);
  put_at(t, 64, pm1_control_port, 4);
  put_at(t, 88, 4, 1);     // bytes of PM1 event
  put_at(t, 89, 2, 1);     // and control
  put_at(t, 96, 0xfff, 2); // no C2
  put_at(t, 98, 0xfff, 2); // no C3
  // Legacy devices, but no keyboard controller, VGA, MSI, PCIe ASPM control, CMOS clock.
  put_at(t, 109, 0x3d, 2);
  // WBINVD, C1, no power or sleep button of fixed hardware, RTC wakes not by fixed hardware, reset
  // register, headless.
  put_at(t, 112, 1 | 1 << 2 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 10 | 1 << 12, 4);
  put_port(t, 116, keyboard_command_port, 1);
  put_at(t, 128, keyboard_reset, 1);
  put_at(t, 140, dsdt, 8);
  put_port(t, 148, pm1_event_port, 4);
  put_port(t, 172, pm1_control_port, 2);
  return table("FACP", 6, t.substr(header));
}

// 5.2.10. Nothing wakes these guests; the interpreter wants the table to be there.
Bytes facs() {
  Bytes t("FACS");
  put(t, 64, 4);
  t.resize(64, '\0');
  t[32] = 2; // version
  return t;
}

// AML (20.2): Name (\_S5, Package () {5, 5, 0, 0}): what to write into PM1 control to power off.
Bytes dsdt() {
  constexpr std::string_view aml("\x08_S5_\x12\x08\x04\x0a\x05\x0a\x05\x00\x00", 14);
  static_assert(sleep_type_off == 5);
  return table("DSDT", 2, aml);
}

// 5.2.12
Bytes madt(unsigned cpus) {
  Bytes body;
  put(body, local_apic_address, 4);
  put(body, 1, 4);                         // with two 8259
  for (unsigned id = 0; id < cpus; ++id) { // local APIC, enabled
    put(body, 0x0800, 2);
    put(body, id, 1);
    put(body, id, 1);
    put(body, 1, 4);
  }
  put(body, 0x0c01, 2); // I/O APIC, id 0 as KVM's has
  put(body, 0, 2);
  put(body, io_apic_address, 4);
  put(body, 0, 4);
  const auto override_line = [&body](unsigned line, unsigned input, unsigned flags) {
    put(body, 0x0a02, 2);
    put(body, 0, 1);
    put(body, line, 1);
    put(body, input, 4);
    put(body, flags, 2);
  };
  override_line(0, 2, 0);                 // the PIT's
  override_line(sci_line, sci_line, 0xd); // level, active high
  put(body, 0x0604, 2);                   // every local APIC's LINT1 is NMI
  put(body, 0xff, 1);
  put(body, 0, 2);
  put(body, 1, 1);
  return table("APIC", 4, body);
}

Bytes rsdp(std::uint64_t xsdt) {
  Bytes t("RSD PTR ");
  put(t, 0, 1);
  t += "KREPRO";
  put(t, 2, 1);  // revision
  put(t, 0, 4);  // no RSDT
  put(t, 36, 4); // length
  put(t, xsdt, 8);
  put(t, 0, 4);
  set_checksum(t, 8, 20);
  set_checksum(t, 32, 36);
  return t;
}

constexpr std::uint64_t aligned(std::uint64_t address) {
  return (address + 63) & ~std::uint64_t{63};
}

} // namespace

void write_acpi(const GuestMemory& memory, unsigned cpus) {
  std::uint64_t next = aligned(acpi_address + 36);
  const auto place = [&](const Bytes& bytes) {
    const std::uint64_t address = next;
    memory.write(address, bytes);
    next = aligned(address + bytes.size());
    ASSERT(next <= mp_table_address);
    return address;
  };
  const std::uint64_t facs_at = place(facs());
  const std::uint64_t dsdt_at = place(dsdt());
  const std::array<std::uint64_t, 2> tables{place(fadt(facs_at, dsdt_at)), place(madt(cpus))};
  Bytes entries;
  for (const std::uint64_t address : tables)
    put(entries, address, 8);
  memory.write(acpi_address, rsdp(place(table("XSDT", 1, entries))));
}

} // namespace vmm
