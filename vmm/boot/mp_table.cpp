#include "vmm/boot/mp_table.hpp"

#include <string>

#include "vmm/boot/layout.hpp"

namespace vmm {

namespace {

using Bytes = std::string;

constexpr unsigned apic_version = 0x14;
constexpr unsigned isa_lines = 16;

void put(Bytes& to, std::uint64_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i)
    to += static_cast<char>(value >> (8 * i) & 0xff);
}

void set_checksum(Bytes& table, std::size_t at) {
  unsigned sum = 0;
  for (const char c : table)
    sum += static_cast<std::uint8_t>(c);
  table[at] = static_cast<char>(-sum & 0xff);
}

void put_cpu(Bytes& to, unsigned id) {
  put(to, 0, 1);
  put(to, id, 1);
  put(to, apic_version, 1);
  put(to, id == 0 ? 3 : 1, 1); // enabled, boot CPU
  put(to, 0x600, 4);           // signature and features: kernels ask CPUID
  put(to, 0x201, 4);
  put(to, 0, 8);
}

// source: line of the ISA bus. Type 3 goes to an I/O APIC's input, 4 to a local APIC's LINT.
void put_interrupt(Bytes& to, unsigned entry, unsigned type, unsigned source, unsigned apic,
                   unsigned input) {
  put(to, entry, 1);
  put(to, type, 1);
  put(to, 0, 2); // polarity and trigger as the bus has them
  put(to, 0, 1); // bus
  put(to, source, 1);
  put(to, apic, 1);
  put(to, input, 1);
}

// Returns the number of entries added.
unsigned put_entries(Bytes& to, unsigned cpus) {
  constexpr unsigned io_interrupt = 3;
  constexpr unsigned local_interrupt = 4;
  constexpr unsigned vectored = 0;
  constexpr unsigned nmi = 1;
  constexpr unsigned external = 3;
  unsigned count = 0;
  for (unsigned id = 0; id < cpus; ++id, ++count)
    put_cpu(to, id);
  put(to, 1, 1); // the bus, number 0
  put(to, 0, 1);
  to += "ISA   ";
  put(to, 2, 1); // the I/O APIC, id 0, enabled
  put(to, 0, 1);
  put(to, apic_version, 1);
  put(to, 1, 1);
  put(to, io_apic_address, 4);
  count += 2;
  for (unsigned line = 0; line < isa_lines; ++line) {
    if (line == 2) // the second PIC's; its input is the timer's
      continue;
    put_interrupt(to, io_interrupt, vectored, line, 0, line == 0 ? 2 : line);
    ++count;
  }
  put_interrupt(to, local_interrupt, external, 0, 0xff, 0);
  put_interrupt(to, local_interrupt, nmi, 0, 0xff, 1);
  return count + 2;
}

} // namespace

void write_mp_table(const GuestMemory& memory, unsigned cpus) {
  Bytes entries;
  const unsigned count = put_entries(entries, cpus);

  Bytes table("PCMP");
  put(table, 44 + entries.size(), 2);
  put(table, 4, 1); // revision 1.4
  put(table, 0, 1);
  table += "KREPRO  ";
  table += "KREPRO VM   ";
  put(table, 0, 6);
  put(table, count, 2);
  put(table, local_apic_address, 4);
  put(table, 0, 4);
  table += entries;
  set_checksum(table, 7);

  Bytes pointer("_MP_");
  put(pointer, mp_table_address + 16, 4);
  put(pointer, 1, 1); // paragraphs
  put(pointer, 4, 1);
  put(pointer, 0, 6);
  set_checksum(pointer, 10);

  memory.write(mp_table_address, pointer);
  memory.write(mp_table_address + pointer.size(), table);
}

} // namespace vmm
