// The line number table of one unit, read as far as one address needs: libdw would first decode and
// sort all of it, which takes longer than all else of a lookup.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace harness {

// The sections of a linked file, uncompressed; line is empty where there is none to read.
struct LineSections {
  std::string_view line;     // .debug_line
  std::string_view line_str; // .debug_line_str
  std::string_view str;      // .debug_str
};

struct LineRow {
  std::size_t file = 0; // index into the table's files, as DW_AT_call_file counts
  int line = 0;
};

// DWARF 2 to 5, little-endian, 32-bit offsets (dwarfstd.org, chapter 6.2). Views point into the
// sections.
class LineTable {
 public:
  // The table at an offset of .debug_line, DW_AT_stmt_list. Nothing where it is of a form that is
  // not known, or cut.
  static std::optional<LineTable> read(const LineSections& sections, std::uint64_t offset);

  // The row that address belongs to; nothing where no sequence of the table covers it.
  std::optional<LineRow> find(std::uint64_t address) const;

  // The path of a file, relative to folder (DW_AT_comp_dir) or absolute; "" for an unknown index.
  std::string path(std::size_t file, std::string_view folder) const;

 private:
  struct File {
    std::string_view name;
    std::uint64_t folder = 0; // into folders_
  };
  friend class LineHeader;

  std::vector<std::string_view> folders_; // the first is the compilation's own, maybe empty
  std::vector<File> files_;
  std::string_view lengths_; // of standard opcodes, from 1: their number of operands
  std::string_view program_;
  unsigned step_ = 1; // minimum_instruction_length
  int line_base_ = 0;
  unsigned line_range_ = 1;
  unsigned opcode_base_ = 1;
};

} // namespace harness
