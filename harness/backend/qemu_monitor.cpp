#include "harness/backend/qemu_monitor.hpp"

#include <array>
#include <charconv>
#include <cstddef>
#include <optional>

#include "vmm/base/text.hpp"

namespace harness {

namespace {

constexpr std::uint64_t user_ring = 3;

// The hexadecimal number at the start of text; nothing where there is none.
std::optional<std::uint64_t> hex(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end == text.data())
    return std::nullopt;
  return value;
}

// The value of "NAME=value"; the name stands at the line's start or after a space.
std::optional<std::uint64_t> field(std::string_view line, std::string_view name) {
  for (std::size_t at = 0; (at = line.find(name, at)) != std::string_view::npos; ++at)
    if (at == 0 || line[at - 1] == ' ')
      return hex(line.substr(at + name.size()));
  return std::nullopt;
}

void take(std::string_view line, std::string_view name, std::uint64_t& value) {
  value = field(line, name).value_or(value);
}

// "GS =0000 ffff88801f600000 ffffffff 00c00000": selector, base, limit, flags.
void take_gs(std::string_view line, std::uint64_t& base) {
  constexpr std::string_view name = "GS =";
  if (line.substr(0, name.size()) != name)
    return;
  const std::size_t space = line.find(' ', name.size());
  if (space != std::string_view::npos)
    base = hex(line.substr(space + 1)).value_or(base);
}

void take_line(std::string_view line, CpuRegisters& registers) {
  // Short names are padded to three letters.
  constexpr std::array<std::string_view, 16> names{
      "RAX=", "RCX=", "RDX=", "RBX=", "RSP=", "RBP=", "RSI=", "RDI=",
      "R8 =", "R9 =", "R10=", "R11=", "R12=", "R13=", "R14=", "R15="};
  for (std::size_t i = 0; i < names.size(); ++i)
    take(line, names[i], registers.general[i]);
  take(line, "RIP=", registers.rip);
  take(line, "RFL=", registers.rflags);
  take(line, "CR3=", registers.cr3);
  take_gs(line, registers.gs_base);
  if (const auto ring = field(line, "CPL="))
    registers.user = *ring == user_ring;
  if (const auto halted = field(line, "HLT="))
    registers.halted = *halted != 0;
}

} // namespace

std::vector<CpuRegisters> parse_registers(std::string_view text) {
  std::vector<CpuRegisters> all;
  for (const std::string_view line : base::lines_of(text)) {
    if (line.find("CPU#") == 0)
      all.emplace_back();
    else if (!all.empty())
      take_line(line, all.back());
  }
  return all;
}

} // namespace harness
