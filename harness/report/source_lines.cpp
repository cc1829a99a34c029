#include "harness/report/source_lines.hpp"

#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"
#include "vmm/base/text.hpp"

namespace harness {

namespace {

std::vector<std::string> read_lines(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored))
    return {};
  try {
    return base::split(base::read_file(path), '\n');
  } catch (const base::SysError&) {
    return {};
  }
}

bool is_below(const std::filesystem::path& file) {
  return !file.empty() && file.is_relative() && *file.lexically_normal().begin() != "..";
}

} // namespace

std::string SourceLines::line(const std::string& file, int line) {
  if (tree_.empty() || line < 1 || !is_below(file))
    return {};
  auto known = files_.find(file);
  if (known == files_.end())
    known = files_.emplace(file, read_lines(tree_ / file)).first;
  const std::vector<std::string>& lines = known->second;
  if (static_cast<std::size_t>(line) > lines.size())
    return {};
  return base::printable(base::trim(lines[static_cast<std::size_t>(line) - 1]));
}

} // namespace harness
