// The symbols of an ELF file, by name and by address.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <gelf.h>

namespace harness {

struct ElfSymbol {
  std::uint64_t address = 0;
  std::uint64_t size = 0; // st_size
  const char* name = "";
  bool function = false;  // false: data
  std::uint64_t span = 0; // to the next symbol, as kallsyms reckons sizes; size for the last
};

// Whether a kernel's own table would have this symbol: defined, of code or data, with a name.
bool is_listed(const GElf_Sym& symbol, const char* name);

// The symbols of a linked file. Names point into elf.
std::vector<ElfSymbol> read_symbols(Elf* elf);

class SymbolTable {
 public:
  SymbolTable() = default;
  // In any order, span not yet filled. Names must outlive the table.
  explicit SymbolTable(std::vector<ElfSymbol> symbols);

  bool empty() const { return by_name_.empty(); }

  // The address of the function that a kernel prints as "function+0x.../size". Several functions
  // may share a name: size tells them apart; where it does not, there is no answer. size 0: not
  // printed.
  std::optional<std::uint64_t> find(std::string_view function, std::size_t size) const;

  // Whether there are functions of that name, and none of them has that size.
  bool has_other_size(std::string_view function, std::size_t size) const;

  // The function that address is in, by its span; null where it is in none. Of several names for
  // one place the first with a size.
  const ElfSymbol* at(std::uint64_t address) const;

  // The first data symbol of that name; null where there is none.
  const ElfSymbol* data(std::string_view name) const;

  // The data symbol that address is in, by its size; null where it is in none.
  const ElfSymbol* data_at(std::uint64_t address) const;

  // The first data symbol, else the one function of that name: assembler has data without a type.
  // Nothing where there is none, or several.
  std::optional<std::uint64_t> address(std::string_view name) const;

 private:
  std::vector<ElfSymbol> symbols_;                                 // by address
  std::unordered_multimap<std::string_view, std::size_t> by_name_; // functions, into symbols_
};

} // namespace harness
