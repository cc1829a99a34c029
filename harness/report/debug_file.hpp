// An ELF file with DWARF: a vmlinux, or a module that is not yet loaded.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "harness/report/dwarf_lookup.hpp"
#include "harness/report/symbols.hpp"

namespace harness {

// A loadable part of a linked file, as its program headers have it; bytes.
struct ElfSegment {
  std::uint64_t address = 0;
  std::uint64_t physical = 0;
  std::uint64_t size = 0; // in memory
};

struct ElfSection {
  std::string_view bytes;    // empty where there is none, or where they are compressed
  std::uint64_t address = 0; // where it is linked to
};

// Mapped, and read where it is needed. Addresses are those of its symbols: for a module, whose
// sections have none yet, libdw's layout. One thread at a time.
class DebugFile {
 public:
  // Throws base::SysError where the file cannot be read, base::Error where it is no ELF with DWARF
  // and symbols.
  explicit DebugFile(const std::filesystem::path& path);
  DebugFile(DebugFile&&) noexcept;
  DebugFile& operator=(DebugFile&&) noexcept;
  DebugFile(const DebugFile&) = delete;
  DebugFile& operator=(const DebugFile&) = delete;
  ~DebugFile();

  const SymbolTable& symbols() const;
  std::vector<DwarfFrame> frames_at(std::uint64_t address) const;
  // The file and line of an address alone; file empty where they are not known.
  DwarfFrame line_at(std::uint64_t address) const;

  // The file's own bytes from an address to the end of its section; empty for a module, and where
  // the file has none.
  std::string_view code_at(std::uint64_t address) const;

  // In the file's order; empty for a module.
  std::vector<ElfSegment> segments() const;

  // Its debug information, this object's own.
  Dwarf* dwarf() const;
  // The names that its debug information shares (.debug_str), each with its NUL; empty where they
  // are compressed, and for a module.
  std::string_view debug_names() const;

  // A section by its name; empty for a module.
  ElfSection section(std::string_view name) const;

  // The GNU build id in lower-case hexadecimal digits; "" where it has none.
  std::string build_id() const;

  // The kernel release it is of: a vmlinux by linux_banner, a module by its vermagic; "" where
  // there is none to read.
  std::string release() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

} // namespace harness
