// The modules that a guest's kernel has loaded, and the names in them, from its memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/inspect/frame_registers.hpp"
#include "harness/inspect/kernel_image.hpp"

namespace harness {

// Where a kernel has what is asked of a module (struct module in include/linux/module.h).
struct ModuleLayout {
  std::size_t list = 0;
  std::size_t name = 0;
  std::size_t base = 0; // of its code: mem[MOD_TEXT] from v6.4 on, core_layout before
  Member size;          // bytes of that; core_layout has data, too
  // core_kallsyms: the symbols that stay; an array of Elf64_Sym, and their names.
  std::size_t symbols = 0;
  std::size_t symbol_count = 0;
  std::size_t names = 0;
  // arch: with CONFIG_UNWINDER_ORC.
  struct Orc {
    std::size_t count = 0;
    std::size_t ips = 0;
    std::size_t entries = 0;
  };
  std::optional<Orc> orc;
};

// Nothing where the kernel has no modules, or its debug information lacks them.
std::optional<ModuleLayout> module_layout(const KernelImage& kernel);

// A symbol of a module.
struct ModuleSymbol {
  std::uint64_t address = 0;
  std::uint64_t name = 0; // the address of its name
};

struct LoadedModule {
  std::string name; // printable
  std::uint64_t base = 0;
  std::uint64_t size = 0;            // bytes
  std::vector<ModuleSymbol> symbols; // in its code, by address
  // As OrcTable::add takes them; empty where there are none.
  std::string orc_ips;
  std::uint64_t orc_ips_address = 0;
  std::string orc_entries;
};

// All modules, at most 1024 with a million symbols and four million ORC entries in all. list: the
// address of the kernel's variable "modules".
std::vector<LoadedModule> read_modules(const ModuleLayout& layout, const ReadKernel& read,
                                       std::uint64_t list);

// A place in a module: "function+0x1/0x2 [module]", as the kernel prints it; the size ends at the
// next symbol.
struct ModulePlace {
  std::string function; // printable
  std::string text;
};

// Nothing where address is in none of them, or before all symbols. exact: address is no return
// address.
std::optional<ModulePlace> find_in_modules(const std::vector<LoadedModule>& modules,
                                           const ReadKernel& read, std::uint64_t address,
                                           bool exact);

} // namespace harness
