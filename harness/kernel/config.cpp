#include "harness/kernel/config.hpp"

#include <map>

#include <fmt/format.h>

#include "vmm/base/text.hpp"

namespace harness {

namespace fs = std::filesystem;

namespace {

bool is_option_name(std::string_view name) {
  return name.size() > 7 && name.substr(0, 7) == "CONFIG_" &&
         name.find_first_not_of(
             "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") ==
             std::string_view::npos;
}

std::string line_text(const ConfigLine& line) {
  return line.value == "n" ? fmt::format("# {} is not set", line.name)
                           : fmt::format("{}={}", line.name, line.value);
}

} // namespace

std::optional<ConfigLine> parse_config_line(std::string_view line) {
  constexpr std::string_view off = " is not set";
  if (line.substr(0, 2) == "# " && line.size() > off.size() &&
      line.substr(line.size() - off.size()) == off) {
    const std::string_view name = line.substr(2, line.size() - 2 - off.size());
    if (is_option_name(name))
      return ConfigLine{std::string(name), "n", false, {}};
  }
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos || equals + 1 == line.size() ||
      !is_option_name(line.substr(0, equals)))
    return std::nullopt;
  return ConfigLine{
      std::string(line.substr(0, equals)), std::string(line.substr(equals + 1)), false, {}};
}

std::vector<ConfigLine> parse_fragment(std::string_view text, const std::string& file) {
  std::vector<ConfigLine> lines;
  bool optional = false;
  int number = 0;
  for (const std::string_view raw : base::lines_of(text)) {
    const std::string_view line = base::trim(raw);
    ++number;
    if (line.empty())
      optional = false;
    else if (line.substr(0, 10) == "# optional")
      optional = true;
    else if (std::optional<ConfigLine> parsed = parse_config_line(line)) {
      parsed->optional = optional;
      parsed->where = fmt::format("{}:{}", file, number);
      lines.push_back(std::move(*parsed));
    } else if (line[0] != '#')
      throw base::UsageError(
          fmt::format("{}:{}: expected CONFIG_NAME=value or \"# CONFIG_NAME is not set\", not '{}'",
                      file, number, base::printable(line)));
  }
  return lines;
}

fs::path fragment_file(const fs::path& images, const std::string& name) {
  const bool is_path =
      name.find('/') != std::string::npos || fs::path(name).extension() == ".config";
  const fs::path folder = images / "kernel";
  fs::path file = is_path ? fs::path(name) : folder / (name + ".config");
  if (fs::is_regular_file(file))
    return file;
  if (is_path)
    throw base::UsageError(fmt::format("{}: no such configuration fragment", name));
  std::vector<std::string> known;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored))
    if (entry.path().extension() == ".config")
      known.push_back(entry.path().stem());
  throw base::UsageError(fmt::format("no configuration fragment '{}' in {}{}",
                                     base::printable(name), folder.string(),
                                     base::did_you_mean(name, known)));
}

std::vector<ConfigLine> merge_config(const std::vector<ConfigLine>& lines) {
  std::map<std::string, std::size_t, std::less<>> last;
  for (std::size_t i = 0; i < lines.size(); ++i)
    last[lines[i].name] = i;
  std::vector<ConfigLine> merged;
  for (std::size_t i = 0; i < lines.size(); ++i)
    if (last[lines[i].name] == i)
      merged.push_back(lines[i]);
  return merged;
}

std::string config_text(const std::vector<ConfigLine>& lines) {
  std::string text;
  for (const ConfigLine& line : lines)
    text += line_text(line) + "\n";
  return text;
}

std::vector<LostOption> lost_options(const std::vector<ConfigLine>& merged,
                                     std::string_view final_config) {
  std::map<std::string, std::string, std::less<>> values;
  for (const std::string_view line : base::lines_of(final_config))
    if (const std::optional<ConfigLine> parsed = parse_config_line(line))
      values[parsed->name] = parsed->value;
  std::vector<LostOption> lost;
  for (const ConfigLine& wanted : merged) {
    const auto at = values.find(wanted.name);
    const std::string is = at == values.end() ? "n" : at->second;
    if (wanted.optional || is == wanted.value)
      continue;
    const std::string became = at == values.end()
                                   ? "is not there: no such option, or it depends on others"
                               : is == "n" ? "is not set"
                                           : "is " + is;
    lost.push_back({wanted.name, fmt::format("{}: {} did not survive olddefconfig ({})",
                                             wanted.where, line_text(wanted), became)});
  }
  return lost;
}

} // namespace harness
