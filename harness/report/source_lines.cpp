#include "harness/report/source_lines.hpp"

#include <algorithm>
#include <string_view>
#include <system_error>

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

// The value of a line "NAME = value"; "" for every other line.
std::string value_of(std::string_view line, std::string_view name) {
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos || base::trim(line.substr(0, equals)) != name)
    return {};
  return std::string(base::trim(line.substr(equals + 1)));
}

} // namespace

std::string tree_version(const std::filesystem::path& tree) {
  constexpr std::size_t first_lines = 10; // the tree's own Makefile has it at its top
  std::string version;
  std::vector<std::string> lines =
      tree.empty() ? std::vector<std::string>() : read_lines(tree / "Makefile");
  lines.resize(std::min(lines.size(), first_lines));
  for (const char* name : {"VERSION", "PATCHLEVEL", "SUBLEVEL"})
    for (const std::string& line : lines)
      if (const std::string value = value_of(line, name); !value.empty())
        version += (version.empty() ? "" : ".") + value;
  return version;
}

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
