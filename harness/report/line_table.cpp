#include "harness/report/line_table.hpp"

#include <utility>

#include <dwarf.h>

#include "harness/report/byte_reader.hpp"

namespace harness {

namespace {

// The row registers of the standard that are used here.
struct Registers {
  std::uint64_t address = 0;
  std::size_t file = 1;
  std::int64_t line = 1;
};

// Looks for the row of one address among the rows of a program as they come.
class RowSearch {
 public:
  explicit RowSearch(std::uint64_t wanted) : wanted_(wanted) {}

  // The next row of a sequence, whose addresses only grow. True when the row before it is the one.
  bool row(const Registers& now, bool ends) {
    if (within_ && last_.address <= wanted_ && wanted_ < now.address)
      return true;
    last_ = now;
    within_ = !ends;
    return false;
  }

  LineRow found() const { return {last_.file, static_cast<int>(last_.line)}; }

 private:
  std::uint64_t wanted_;
  Registers last_;
  bool within_ = false; // last_ is of this sequence
};

} // namespace

// Reads what stands before a table's program.
class LineHeader {
 public:
  LineHeader(const LineSections& sections, std::string_view bytes)
      : sections_(sections), in_(bytes) {}

  std::optional<LineTable> read() {
    const unsigned version = static_cast<unsigned>(in_.fixed(2));
    if (version < 2 || version > 5)
      return {};
    const std::uint64_t address_size = version >= 5 ? in_.byte() : 8;
    if (version >= 5)
      in_.byte(); // segment selectors
    const std::string_view header = in_.take(in_.fixed(4));
    table_.program_ = in_.rest();
    in_ = ByteReader(in_.ok() ? header : std::string_view());
    table_.step_ = in_.byte();
    const unsigned operations = version >= 4 ? in_.byte() : 1;
    in_.byte(); // default_is_stmt
    table_.line_base_ = in_.signed_byte();
    table_.line_range_ = in_.byte();
    table_.opcode_base_ = in_.byte();
    if (address_size != 8 || operations > 1 || table_.line_range_ == 0 || table_.opcode_base_ == 0)
      return {};
    table_.lengths_ = in_.take(table_.opcode_base_ - 1);
    const bool known = version >= 5 ? read_tables() : read_old_tables();
    return known && in_.ok() ? std::optional(std::move(table_)) : std::nullopt;
  }

 private:
  using Format = std::vector<std::pair<std::uint64_t, std::uint64_t>>; // content, form

  bool read_old_tables() {
    table_.folders_.emplace_back();
    for (std::string_view name = in_.text(); !name.empty(); name = in_.text())
      table_.folders_.push_back(name);
    table_.files_.emplace_back(); // they count from 1
    for (std::string_view name = in_.text(); !name.empty(); name = in_.text()) {
      table_.files_.push_back({name, in_.uleb()});
      in_.uleb(); // time
      in_.uleb(); // size
    }
    return true;
  }

  bool read_tables() {
    const bool known =
        read_entries([&](const LineTable::File& file) { table_.folders_.push_back(file.name); });
    return known &&
           read_entries([&](const LineTable::File& file) { table_.files_.push_back(file); });
  }

  template<class Add> bool read_entries(Add add) {
    Format format(in_.byte());
    for (auto& [content, form] : format) {
      content = in_.uleb();
      form = in_.uleb();
    }
    for (std::uint64_t left = in_.uleb(); left > 0 && in_.ok(); --left) {
      LineTable::File file;
      for (const auto& [content, form] : format)
        if (!read_field(content, form, file))
          return false;
      add(file);
    }
    return in_.ok();
  }

  bool read_field(std::uint64_t content, std::uint64_t form, LineTable::File& file) {
    if (content == DW_LNCT_path) {
      const auto name = read_name(form);
      file.name = name.value_or("");
      return name.has_value();
    }
    const auto number = read_number(form);
    if (content == DW_LNCT_directory_index)
      file.folder = number.value_or(0);
    return number.has_value();
  }

  std::optional<std::string_view> read_name(std::uint64_t form) {
    if (form == DW_FORM_string)
      return in_.text();
    if (form != DW_FORM_line_strp && form != DW_FORM_strp)
      return {};
    const std::string_view names = form == DW_FORM_strp ? sections_.str : sections_.line_str;
    const std::uint64_t at = in_.fixed(4);
    if (at >= names.size())
      return {};
    return ByteReader(names.substr(at)).text();
  }

  // 0 for what is no number.
  std::optional<std::uint64_t> read_number(std::uint64_t form) {
    switch (form) {
    case DW_FORM_udata:
      return in_.uleb();
    case DW_FORM_data1:
      return in_.byte();
    case DW_FORM_data2:
      return in_.fixed(2);
    case DW_FORM_data4:
      return in_.fixed(4);
    case DW_FORM_data8:
      return in_.fixed(8);
    case DW_FORM_data16: // a checksum
      in_.take(16);
      return 0;
    case DW_FORM_block:
      in_.take(in_.uleb());
      return 0;
    default:
      return {};
    }
  }

  const LineSections& sections_;
  ByteReader in_;
  LineTable table_;
};

std::optional<LineTable> LineTable::read(const LineSections& sections, std::uint64_t offset) {
  if (offset >= sections.line.size())
    return {};
  ByteReader in(sections.line.substr(offset));
  const std::uint64_t size = in.fixed(4);
  constexpr std::uint64_t first_reserved = 0xfffffff0; // 64-bit offsets, for one
  const std::string_view bytes = size < first_reserved ? in.take(size) : std::string_view();
  return in.ok() ? LineHeader(sections, bytes).read() : std::nullopt;
}

std::optional<LineRow> LineTable::find(std::uint64_t address) const {
  ByteReader in(program_);
  Registers now;
  RowSearch search(address);
  const auto advance = [&](std::uint64_t operations) { now.address += operations * step_; };
  while (!in.at_end()) {
    const unsigned opcode = in.byte();
    bool row = false;
    bool ends = false;
    if (opcode >= opcode_base_) {
      const unsigned special = opcode - opcode_base_;
      advance(special / line_range_);
      now.line += line_base_ + static_cast<int>(special % line_range_);
      row = true;
    } else if (opcode == 0) {
      ByteReader extended(in.take(in.uleb()));
      const unsigned code = extended.byte();
      if (code == DW_LNE_set_address)
        now.address = extended.fixed(8);
      row = ends = code == DW_LNE_end_sequence;
    } else if (opcode == DW_LNS_copy) {
      row = true;
    } else if (opcode == DW_LNS_advance_pc) {
      advance(in.uleb());
    } else if (opcode == DW_LNS_advance_line) {
      now.line += in.sleb();
    } else if (opcode == DW_LNS_set_file) {
      now.file = in.uleb();
    } else if (opcode == DW_LNS_const_add_pc) {
      advance((255 - opcode_base_) / line_range_);
    } else if (opcode == DW_LNS_fixed_advance_pc) {
      now.address += in.fixed(2);
    } else {
      for (unsigned left = static_cast<unsigned char>(lengths_[opcode - 1]); left > 0; --left)
        in.uleb();
    }
    if (row && search.row(now, ends))
      return search.found();
    if (ends)
      now = Registers();
  }
  return {};
}

std::string LineTable::path(std::size_t file, std::string_view folder) const {
  if (file >= files_.size() || files_[file].name.empty())
    return {};
  const File& found = files_[file];
  if (found.name.starts_with('/'))
    return std::string(found.name);
  std::string path;
  const std::string_view own =
      found.folder < folders_.size() ? folders_[found.folder] : std::string_view();
  if (!own.starts_with('/') && !folder.empty())
    path = std::string(folder) + '/';
  if (!own.empty())
    path += std::string(own) + '/';
  return path + std::string(found.name);
}

} // namespace harness
