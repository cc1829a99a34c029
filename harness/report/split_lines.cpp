#include "harness/report/split_lines.hpp"

#include "vmm/base/text.hpp"

namespace harness {

namespace {

constexpr unsigned max_pieces = 8;

// "#0:" and "-> #0" with nothing after them.
bool is_bare_index(std::string_view text) {
  if (text.starts_with("-> "))
    text.remove_prefix(3);
  if (!text.starts_with('#') || text.size() < 2)
    return false;
  text.remove_prefix(1);
  if (text.ends_with(':'))
    text.remove_suffix(1);
  return text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool starts_pieces(std::string_view line) {
  std::string_view text = base::trim(line);
  return text.ends_with('(') || is_bare_index(text);
}

// "..., at: [<ffffffff81234567>] function+0x1/0x2", "-> #0 (&p->lock){+.+.+.}:",
// "lock(rtnl_mutex);"
bool is_whole(std::string_view line) {
  return line.find("+0x") != std::string_view::npos || line.ends_with("}:") || line.ends_with(");");
}

} // namespace

std::optional<std::string_view> SplitLines::add(std::string_view line) {
  if (pieces_ == 0 && !starts_pieces(line))
    return line;
  if (pieces_ == 0)
    whole_.clear();
  whole_ += line;
  if (whole_.ends_with("at:"))
    whole_ += ' ';
  ++pieces_;
  bool last = base::trim(line).empty() || pieces_ == max_pieces || is_whole(whole_);
  if (!last)
    return {};
  pieces_ = 0;
  return whole_;
}

} // namespace harness
