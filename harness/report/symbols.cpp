#include "harness/report/symbols.hpp"

#include <algorithm>
#include <utility>

namespace harness {

namespace {

// Functions are aligned to at most this: what kallsyms counts to one before the next begins.
constexpr std::uint64_t max_padding = 64;

Elf_Scn* symtab_of(Elf* elf, GElf_Shdr& header) {
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section)) != nullptr;)
    if (gelf_getshdr(section, &header) && header.sh_type == SHT_SYMTAB && header.sh_entsize != 0)
      return section;
  return nullptr;
}

} // namespace

bool is_listed(const GElf_Sym& symbol, const char* name) {
  int type = GELF_ST_TYPE(symbol.st_info);
  return symbol.st_shndx != SHN_UNDEF && symbol.st_shndx != SHN_ABS &&
         (type == STT_FUNC || type == STT_NOTYPE || type == STT_OBJECT) && name && *name != '\0' &&
         *name != '.';
}

std::vector<ElfSymbol> read_symbols(Elf* elf) {
  std::vector<ElfSymbol> symbols;
  GElf_Shdr header;
  Elf_Scn* section = symtab_of(elf, header);
  Elf_Data* data = section ? elf_getdata(section, nullptr) : nullptr;
  if (!data)
    return symbols;
  auto count = static_cast<int>(header.sh_size / header.sh_entsize);
  for (int i = 0; i < count; ++i) {
    GElf_Sym symbol;
    if (!gelf_getsym(data, i, &symbol))
      continue;
    const char* name = elf_strptr(elf, header.sh_link, symbol.st_name);
    if (is_listed(symbol, name))
      symbols.push_back(
          {symbol.st_value, symbol.st_size, name, GELF_ST_TYPE(symbol.st_info) != STT_OBJECT});
  }
  return symbols;
}

SymbolTable::SymbolTable(std::vector<ElfSymbol> symbols) : symbols_(std::move(symbols)) {
  std::stable_sort(symbols_.begin(), symbols_.end(),
                   [](const ElfSymbol& a, const ElfSymbol& b) { return a.address < b.address; });
  by_name_.reserve(symbols_.size());
  std::uint64_t next = 0;
  for (std::size_t i = symbols_.size(); i-- > 0;) {
    ElfSymbol& symbol = symbols_[i];
    if (i + 1 < symbols_.size() && symbols_[i + 1].address != symbol.address)
      next = symbols_[i + 1].address;
    symbol.span = next == 0 ? symbol.size : next - symbol.address;
    if (symbol.function)
      by_name_.emplace(symbol.name, i);
  }
}

namespace {

// Whether a kernel may print that size for the symbol. exact: without what padding explains.
bool fits(const ElfSymbol& symbol, std::size_t size, bool exact) {
  if (size == 0 || symbol.span == size || symbol.size == size)
    return true;
  return !exact && symbol.size < size && size - symbol.size < max_padding;
}

} // namespace

bool SymbolTable::has_other_size(std::string_view function, std::size_t size) const {
  auto [first, last] = by_name_.equal_range(function);
  return first != last && std::none_of(first, last, [&](const auto& entry) {
           return fits(symbols_[entry.second], size, false);
         });
}

std::optional<std::uint64_t> SymbolTable::find(std::string_view function, std::size_t size) const {
  auto [first, last] = by_name_.equal_range(function);
  std::vector<std::uint64_t> exact;
  std::vector<std::uint64_t> near;
  for (auto it = first; it != last; ++it) {
    const ElfSymbol& symbol = symbols_[it->second];
    if (fits(symbol, size, false))
      (fits(symbol, size, true) ? exact : near).push_back(symbol.address);
  }
  for (auto* found : {&exact, &near}) {
    std::sort(found->begin(), found->end());
    found->erase(std::unique(found->begin(), found->end()), found->end());
    if (!found->empty())
      return found->size() == 1 ? std::optional(found->front()) : std::nullopt;
  }
  return {};
}

const ElfSymbol* SymbolTable::at(std::uint64_t address) const {
  auto after = std::upper_bound(
      symbols_.begin(), symbols_.end(), address,
      [](std::uint64_t wanted, const ElfSymbol& symbol) { return wanted < symbol.address; });
  const ElfSymbol* found = nullptr;
  while (after != symbols_.begin()) {
    const ElfSymbol& symbol = *--after;
    if (found && symbol.address != found->address)
      break;
    if (address - symbol.address >= std::max(symbol.span, symbol.size))
      break;
    if (symbol.function && (!found || symbol.size != 0))
      found = &symbol;
  }
  return found;
}

const ElfSymbol* SymbolTable::data(std::string_view name) const {
  auto found = std::find_if(symbols_.begin(), symbols_.end(), [&](const ElfSymbol& symbol) {
    return !symbol.function && name == symbol.name;
  });
  return found == symbols_.end() ? nullptr : &*found;
}

const ElfSymbol* SymbolTable::data_at(std::uint64_t address) const {
  auto after = std::upper_bound(
      symbols_.begin(), symbols_.end(), address,
      [](std::uint64_t wanted, const ElfSymbol& symbol) { return wanted < symbol.address; });
  constexpr int most_names = 16; // before it, of one place or of places within another
  for (int i = 0; i < most_names && after != symbols_.begin(); ++i)
    if (const ElfSymbol& symbol = *--after;
        !symbol.function && address - symbol.address < symbol.size)
      return &symbol;
  return nullptr;
}

std::optional<std::uint64_t> SymbolTable::address(std::string_view name) const {
  const ElfSymbol* symbol = data(name);
  return symbol ? symbol->address : find(name, 0);
}

} // namespace harness
