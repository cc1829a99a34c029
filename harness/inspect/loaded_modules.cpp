#include "harness/inspect/loaded_modules.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

#include <elf.h>
#include <fmt/format.h>

#include "vmm/base/text.hpp"

namespace harness {

namespace {

constexpr std::size_t most_modules = 1024;
constexpr std::size_t longest_name = 256;            // bytes; KSYM_NAME_LEN has grown to 512
constexpr std::size_t longest_module_name = 56;      // MODULE_NAME_LEN
constexpr std::uint64_t largest_module = 256u << 20; // bytes

std::string text_at(const ReadKernel& read, std::uint64_t address, std::size_t limit) {
  std::string text;
  std::uint8_t byte = 0;
  while (text.size() < limit && read(address + text.size(), {&byte, 1}) && byte != 0)
    text += static_cast<char>(byte);
  return base::printable(text);
}

std::uint64_t number_at(const ReadKernel& read, std::uint64_t address, const Member& member) {
  std::array<std::uint8_t, 8> bytes{};
  const std::size_t size = std::min<std::size_t>(member.size, bytes.size());
  if (!read(address + member.offset, std::span(bytes).first(size)))
    return 0;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i)
    value |= std::uint64_t{bytes[i]} << (8 * i);
  return value;
}

// What may still be read of all modules together: a guest that lies has as many as it likes.
struct Budget {
  std::uint64_t symbols = 1u << 20;
  std::uint64_t orcs = 1u << 22;
};

std::vector<Elf64_Sym> read_table(const ModuleLayout& layout, const ReadKernel& read,
                                  std::uint64_t module, Budget& budget) {
  const std::uint64_t count = number_at(read, module, {layout.symbol_count, 4, 1, 0, 0});
  const auto table = read_word(read, module + layout.symbols);
  if (!table || count > budget.symbols)
    return {};
  budget.symbols -= count;
  std::vector<Elf64_Sym> symbols(count);
  const std::span bytes(reinterpret_cast<std::uint8_t*>(symbols.data()),
                        symbols.size() * sizeof(Elf64_Sym));
  if (!read(*table, bytes))
    symbols.clear();
  return symbols;
}

// Those in a module's code: functions and labels.
void add_symbols(const ModuleLayout& layout, const ReadKernel& read, std::uint64_t address,
                 LoadedModule& module, Budget& budget) {
  const auto names = read_word(read, address + layout.names);
  if (!names)
    return;
  for (const Elf64_Sym& symbol : read_table(layout, read, address, budget))
    if (symbol.st_value - module.base < module.size && symbol.st_name != 0)
      module.symbols.push_back({symbol.st_value, *names + symbol.st_name});
  std::stable_sort(
      module.symbols.begin(), module.symbols.end(),
      [](const ModuleSymbol& a, const ModuleSymbol& b) { return a.address < b.address; });
}

std::string read_bytes(const ReadKernel& read, std::uint64_t address, std::uint64_t size) {
  std::string bytes(size, '\0');
  return read(address, {reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()})
             ? bytes
             : std::string();
}

void add_orc(const ModuleLayout::Orc& layout, const ReadKernel& read, std::uint64_t address,
             LoadedModule& module, Budget& budget) {
  const std::uint64_t count = number_at(read, address, {layout.count, 4, 1, 0, 0});
  const auto ips = read_word(read, address + layout.ips);
  const auto entries = read_word(read, address + layout.entries);
  if (!ips || !entries || count > budget.orcs)
    return;
  budget.orcs -= count;
  module.orc_ips_address = *ips;
  module.orc_ips = read_bytes(read, *ips, count * 4);
  module.orc_entries = read_bytes(read, *entries, count * 6); // struct orc_entry
}

std::optional<LoadedModule> read_module(const ModuleLayout& layout, const ReadKernel& read,
                                        std::uint64_t address, Budget& budget) {
  const auto base = read_word(read, address + layout.base);
  LoadedModule module;
  module.name = text_at(read, address + layout.name, longest_module_name);
  module.size = number_at(read, address, layout.size);
  if (!base || !is_kernel_address(*base) || module.name.empty() || module.size > largest_module)
    return std::nullopt;
  module.base = *base;
  add_symbols(layout, read, address, module, budget);
  if (layout.orc)
    add_orc(*layout.orc, read, address, module, budget);
  return module;
}

} // namespace

std::optional<ModuleLayout> module_layout(const KernelImage& kernel) {
  const auto pick = [&kernel](const char* first, const char* second) {
    const auto found = kernel.member("module", first);
    return found ? found : kernel.member("module", second);
  };
  const auto list = kernel.member("module", "list");
  const auto name = kernel.member("module", "name");
  const auto base = pick("mem.base", "core_layout.base");
  const auto size = pick("mem.size", "core_layout.size");
  const auto symbols = kernel.member("module", "core_kallsyms.symtab");
  const auto count = kernel.member("module", "core_kallsyms.num_symtab");
  const auto names = kernel.member("module", "core_kallsyms.strtab");
  if (!list || !name || !base || !size || !symbols || !count || !names)
    return std::nullopt;
  std::optional<ModuleLayout::Orc> orc;
  const auto orcs = kernel.member("module", "arch.num_orcs");
  const auto ips = kernel.member("module", "arch.orc_unwind_ip");
  const auto entries = kernel.member("module", "arch.orc_unwind");
  if (orcs && ips && entries)
    orc = ModuleLayout::Orc{orcs->offset, ips->offset, entries->offset};
  return ModuleLayout{list->offset,    name->offset,  base->offset,  *size,
                      symbols->offset, count->offset, names->offset, orc};
}

std::vector<LoadedModule> read_modules(const ModuleLayout& layout, const ReadKernel& read,
                                       std::uint64_t list) {
  std::vector<LoadedModule> modules;
  Budget budget;
  auto node = read_word(read, list);
  for (std::size_t i = 0; i < most_modules && node && *node != list; ++i) {
    if (auto module = read_module(layout, read, *node - layout.list, budget))
      modules.push_back(std::move(*module));
    node = read_word(read, *node);
  }
  return modules;
}

std::optional<ModulePlace> find_in_modules(const std::vector<LoadedModule>& modules,
                                           const ReadKernel& read, std::uint64_t address,
                                           bool exact) {
  constexpr int most_names = 16; // that are no function's, before one
  const std::uint64_t inside = address - (exact ? 0 : 1);
  const auto module = std::find_if(modules.begin(), modules.end(), [inside](const auto& one) {
    return inside - one.base < one.size;
  });
  if (module == modules.end())
    return std::nullopt;
  const auto after = std::upper_bound(
      module->symbols.begin(), module->symbols.end(), inside,
      [](std::uint64_t wanted, const ModuleSymbol& symbol) { return wanted < symbol.address; });
  const std::uint64_t end =
      after == module->symbols.end() ? module->base + module->size : after->address;
  auto at = after;
  for (int i = 0; i < most_names && at != module->symbols.begin(); ++i) {
    const std::string name = text_at(read, (--at)->name, longest_name);
    if (!name.empty() && name.front() != '.' && name.front() != '$')
      return ModulePlace{name, fmt::format("{}+{:#x}/{:#x} [{}]", name, address - at->address,
                                           end - at->address, module->name)};
  }
  return std::nullopt;
}

} // namespace harness
