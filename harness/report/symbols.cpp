#include "harness/report/symbols.hpp"

#include <algorithm>
#include <vector>

namespace harness {

namespace {

// Functions are aligned to at most this: what kallsyms counts to one before the next begins.
constexpr std::uint64_t max_padding = 64;

struct Raw {
  std::uint64_t address;
  std::uint64_t size;
  const char* name;
  bool function;
};

Elf_Scn* symtab_of(Elf* elf, GElf_Shdr& header) {
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section)) != nullptr;)
    if (gelf_getshdr(section, &header) && header.sh_type == SHT_SYMTAB && header.sh_entsize != 0)
      return section;
  return nullptr;
}

// Defined symbols of allocated sections; the kernel's own table leaves out files and sections too.
std::vector<Raw> read_symbols(Elf* elf) {
  std::vector<Raw> symbols;
  GElf_Shdr header;
  Elf_Scn* section = symtab_of(elf, header);
  Elf_Data* data = section ? elf_getdata(section, nullptr) : nullptr;
  if (!data)
    return symbols;
  auto count = static_cast<int>(header.sh_size / header.sh_entsize);
  for (int i = 0; i < count; ++i) {
    GElf_Sym symbol;
    if (!gelf_getsym(data, i, &symbol) || symbol.st_shndx == SHN_UNDEF ||
        symbol.st_shndx == SHN_ABS)
      continue;
    int type = GELF_ST_TYPE(symbol.st_info);
    if (type != STT_FUNC && type != STT_NOTYPE && type != STT_OBJECT)
      continue;
    const char* name = elf_strptr(elf, header.sh_link, symbol.st_name);
    if (name && *name != '\0' && *name != '.')
      symbols.push_back({symbol.st_value, symbol.st_size, name, type != STT_OBJECT});
  }
  std::sort(symbols.begin(), symbols.end(),
            [](const Raw& a, const Raw& b) { return a.address < b.address; });
  return symbols;
}

} // namespace

SymbolTable::SymbolTable(Elf* elf) {
  std::vector<Raw> symbols = read_symbols(elf);
  by_name_.reserve(symbols.size());
  std::uint64_t next = 0;
  for (std::size_t i = symbols.size(); i-- > 0;) {
    const Raw& symbol = symbols[i];
    if (i + 1 < symbols.size() && symbols[i + 1].address != symbol.address)
      next = symbols[i + 1].address;
    if (symbol.function)
      by_name_.emplace(symbol.name, Symbol{symbol.address, symbol.size,
                                           next == 0 ? symbol.size : next - symbol.address});
  }
}

std::optional<std::uint64_t> SymbolTable::find(std::string_view function, std::size_t size) const {
  auto [first, last] = by_name_.equal_range(function);
  std::vector<std::uint64_t> exact;
  std::vector<std::uint64_t> near;
  for (auto it = first; it != last; ++it) {
    const Symbol& symbol = it->second;
    auto& fit = size == 0 || symbol.span == size || symbol.size == size ? exact : near;
    if (&fit == &exact || (symbol.size < size && size - symbol.size < max_padding))
      fit.push_back(symbol.address);
  }
  for (auto* found : {&exact, &near}) {
    std::sort(found->begin(), found->end());
    found->erase(std::unique(found->begin(), found->end()), found->end());
    if (!found->empty())
      return found->size() == 1 ? std::optional(found->front()) : std::nullopt;
  }
  return {};
}

} // namespace harness
