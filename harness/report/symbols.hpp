// The function symbols of an ELF file, by name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>

#include <gelf.h>

namespace harness {

class SymbolTable {
 public:
  // Names point into elf, which must outlive the table.
  explicit SymbolTable(Elf* elf);

  bool empty() const { return by_name_.empty(); }

  // The address of the function that a kernel prints as "function+0x.../size". Several functions
  // may share a name: size tells them apart; where it does not, there is no answer. size 0: not
  // printed.
  std::optional<std::uint64_t> find(std::string_view function, std::size_t size) const;

 private:
  struct Symbol {
    std::uint64_t address;
    std::uint64_t size; // st_size
    std::uint64_t span; // to the next symbol, as kallsyms reckons sizes
  };
  std::unordered_multimap<std::string_view, Symbol> by_name_;
};

} // namespace harness
