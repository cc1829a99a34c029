#include "harness/report/dwarf_lookup.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>

#include <dwarf.h>

namespace harness {

namespace {

bool holds_code(int tag) {
  return tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine ||
         tag == DW_TAG_lexical_block || tag == DW_TAG_namespace;
}

// Adds the functions below die that hold address, the outermost first.
void collect_scopes(Dwarf_Die& die, Dwarf_Addr address, std::vector<Dwarf_Die>& scopes) {
  Dwarf_Die child;
  for (int state = dwarf_child(&die, &child); state == 0; state = dwarf_siblingof(&child, &child)) {
    int tag = dwarf_tag(&child);
    if (!holds_code(tag) || (tag != DW_TAG_namespace && dwarf_haspc(&child, address) <= 0))
      continue;
    if (tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine)
      scopes.push_back(child);
    std::size_t before = scopes.size();
    collect_scopes(child, address, scopes);
    if (tag != DW_TAG_namespace || scopes.size() != before)
      return;
  }
}

// The unit that holds address. The table of address ranges may miss some (assembler, other
// compilers).
std::optional<Dwarf_Die> unit_at(Dwarf* dwarf, Dwarf_Addr address) {
  Dwarf_Die unit;
  if (dwarf_addrdie(dwarf, address, &unit))
    return unit;
  Dwarf_CU* cu = nullptr;
  Dwarf_Die sub;
  while (dwarf_get_units(dwarf, cu, &cu, nullptr, nullptr, &unit, &sub) == 0)
    if (dwarf_haspc(&unit, address) > 0)
      return unit;
  return {};
}

int number(Dwarf_Die& die, unsigned int name) {
  Dwarf_Attribute attribute;
  Dwarf_Word value = 0;
  if (!dwarf_attr_integrate(&die, name, &attribute) || dwarf_formudata(&attribute, &value) != 0)
    return 0;
  return static_cast<int>(value);
}

// The lines and files of one unit: from its table where that can be read, else through libdw.
class UnitLines {
 public:
  UnitLines(Dwarf_Die& unit, const LineSections& sections) : unit_(unit) {
    Dwarf_Attribute attribute;
    Dwarf_Word offset = 0;
    if (const char* folder = dwarf_formstring(dwarf_attr(&unit, DW_AT_comp_dir, &attribute)))
      folder_ = folder;
    if (!sections.line.empty() &&
        dwarf_formudata(dwarf_attr(&unit, DW_AT_stmt_list, &attribute), &offset) == 0)
      table_ = LineTable::read(sections, offset);
  }

  // The file and line of an address in frame; unchanged where they are not known.
  void place(Dwarf_Addr address, DwarfFrame& frame) const {
    if (table_) {
      if (const auto row = table_->find(address)) {
        frame.line = row->line;
        frame.file = short_path(table_->path(row->file, folder_));
      }
    } else if (Dwarf_Line* line = dwarf_getsrc_die(&unit_, address)) {
      dwarf_lineno(line, &frame.line);
      frame.file = short_path(text_of(dwarf_linesrc(line, nullptr, nullptr)));
    }
  }

  std::string file(int index) const {
    if (index < 0)
      return {};
    const auto at = static_cast<std::size_t>(index);
    if (table_)
      return short_path(table_->path(at, folder_));
    Dwarf_Files* files = nullptr;
    std::size_t count = 0;
    if (dwarf_getsrcfiles(&unit_, &files, &count) != 0 || at >= count)
      return {};
    return short_path(text_of(dwarf_filesrc(files, at, nullptr, nullptr)));
  }

 private:
  static std::string text_of(const char* text) { return text ? text : ""; }

  // A path as recorded, without the folder of the compilation where it starts with that: the top of
  // the tree, or of a kernel's output folder.
  std::string short_path(std::string path) const {
    const std::string top = folder_ + "/";
    return top != "/" && path.starts_with(top) ? path.substr(top.size()) : path;
  }

  Dwarf_Die& unit_;
  std::string folder_;
  std::optional<LineTable> table_;
};

// Rust's own names are short ("fmt"): its mangled ones say whose.
std::string function_name(Dwarf_Die& unit, Dwarf_Die& function) {
  Dwarf_Attribute attribute;
  const char* name = nullptr;
  if (dwarf_srclang(&unit) == DW_LANG_Rust)
    name = dwarf_formstring(dwarf_attr_integrate(&function, DW_AT_linkage_name, &attribute));
  if (!name)
    name = dwarf_diename(&function);
  return name ? name : "";
}

} // namespace

DwarfFrame line_at(Dwarf* dwarf, const LineSections& lines, std::uint64_t address) {
  DwarfFrame frame;
  if (std::optional<Dwarf_Die> unit = unit_at(dwarf, address))
    UnitLines(*unit, lines).place(address, frame);
  return frame;
}

std::vector<DwarfFrame> frames_at(Dwarf* dwarf, const LineSections& lines, std::uint64_t address) {
  std::vector<DwarfFrame> frames;
  std::optional<Dwarf_Die> unit = unit_at(dwarf, address);
  if (!unit)
    return frames;
  DwarfFrame frame;
  const UnitLines table(*unit, lines);
  table.place(address, frame);
  std::vector<Dwarf_Die> scopes;
  collect_scopes(*unit, address, scopes);
  std::reverse(scopes.begin(), scopes.end());
  for (Dwarf_Die& scope : scopes) {
    frame.function = function_name(*unit, scope);
    frames.push_back(frame);
    if (dwarf_tag(&scope) != DW_TAG_inlined_subroutine)
      break;
    frame.line = number(scope, DW_AT_call_line);
    frame.file = table.file(number(scope, DW_AT_call_file));
  }
  if (frames.empty() && frame.line != 0)
    frames.push_back(frame);
  return frames;
}

} // namespace harness
