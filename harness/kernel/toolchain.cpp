#include "harness/kernel/toolchain.hpp"

#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "harness/config/toml.hpp"
#include "vmm/base/child.hpp"
#include "vmm/base/files.hpp"
#include "vmm/base/text.hpp"

namespace harness {

namespace fs = std::filesystem;

namespace {

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0)
    return std::nullopt;
  return value;
}

Version parse_version(const TomlTable& table, std::string_view key) {
  const std::vector<std::string> parts = base::split(table.need_text(key), '.');
  std::vector<int> numbers;
  for (const std::string& part : parts)
    if (const std::optional<int> value = number(part))
      numbers.push_back(*value);
  if (numbers.size() != parts.size() || numbers.size() < 2 || numbers.size() > 3)
    table.fail(key, "expected a kernel version like \"4.19\" or \"4.19.3\"");
  return {numbers[0], numbers[1], numbers.size() == 3 ? numbers[2] : 0};
}

std::vector<std::pair<std::string, std::string>> parse_make(const TomlTable& table) {
  std::vector<std::pair<std::string, std::string>> variables;
  const std::optional<TomlTable> make = table.table("make");
  if (!make)
    return variables;
  for (const auto& [key, value] : make->raw()) {
    const std::optional<std::string> text = value.value<std::string>();
    if (!text)
      make->fail(value, fmt::format("'{}': expected a string", std::string(key.str())));
    variables.emplace_back(std::string(key.str()), *text);
  }
  return variables;
}

std::vector<ConfigLine> parse_config(const TomlTable& table) {
  std::vector<ConfigLine> lines;
  const toml::array* array = table.raw()["config"].as_array();
  for (const std::string& text : table.texts("config")) {
    std::optional<ConfigLine> parsed = parse_config_line(text);
    const toml::node& node = *array->get(lines.size());
    if (!parsed)
      table.fail(node, "expected CONFIG_NAME=value or \"# CONFIG_NAME is not set\"");
    parsed->where = fmt::format("{}:{}", table.file(), node.source().begin.line);
    lines.push_back(std::move(*parsed));
  }
  return lines;
}

Fixup parse_fixup(const TomlTable& table) {
  table.check_keys({"file", "find", "replace", "if_found"});
  Fixup fixup{table.need_text("file"), table.need_text("find"), table.need_text("replace"),
              table.flag("if_found").value_or(false),
              fmt::format("{}:{}", table.file(), table.raw().source().begin.line)};
  const fs::path file = fs::path(fixup.file).lexically_normal();
  if (file.is_absolute() || *file.begin() == "..")
    table.fail("file", "expected a path in the kernel tree");
  if (fixup.find.empty())
    table.fail("find", "expected a text");
  return fixup;
}

Toolchain parse_toolchain(const TomlTable& table) {
  table.check_keys({"name", "from", "below", "compiler", "make", "config", "fixup"});
  Toolchain entry;
  entry.name = table.need_text("name");
  entry.from = parse_version(table, "from");
  entry.below = table.has("below") ? parse_version(table, "below") : Version{1000, 0, 0};
  entry.compiler = table.need_text("compiler");
  entry.make = parse_make(table);
  entry.config = parse_config(table);
  for (const TomlTable& fixup : table.tables("fixup"))
    entry.fixups.push_back(parse_fixup(fixup));
  if (entry.from >= entry.below)
    table.fail("below", "expected a version after 'from'");
  return entry;
}

std::string first_line_of(const std::vector<std::string>& argv) {
  base::Command command;
  command.argv = argv;
  command.env = {{"LC_ALL", "C"}};
  const std::string out = base::check_output(command);
  const std::vector<std::string_view> lines = base::lines_of(out);
  return lines.empty() ? std::string() : base::printable(base::trim(lines.front()));
}

std::optional<fs::path> in_path(const std::string& program) {
  const char* path = std::getenv("PATH");
  for (const std::string& folder : base::split(path == nullptr ? "" : path, ':')) {
    std::error_code ignored;
    const fs::path candidate = fs::path(folder) / program;
    if (candidate.is_absolute() && fs::is_regular_file(candidate, ignored))
      return candidate;
  }
  return std::nullopt;
}

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t n = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string_view::npos; at += part.size())
    ++n;
  return n;
}

} // namespace

std::string Version::text() const {
  return sublevel == 0 ? fmt::format("{}.{}", version, patchlevel)
                       : fmt::format("{}.{}.{}", version, patchlevel, sublevel);
}

Version version_of_makefile(std::string_view makefile, const std::string& what) {
  Version version;
  std::pair<std::string_view, int*> fields[] = {{"VERSION", &version.version},
                                                {"PATCHLEVEL", &version.patchlevel},
                                                {"SUBLEVEL", &version.sublevel}};
  int found = 0;
  for (const std::string_view line : base::lines_of(makefile)) {
    const std::size_t equals = line.find('=');
    for (auto& [name, into] : fields) {
      if (equals == std::string_view::npos || base::trim(line.substr(0, equals)) != name)
        continue;
      if (const std::optional<int> value = number(base::trim(line.substr(equals + 1)))) {
        *into = *value;
        ++found;
      }
    }
  }
  if (found < 3)
    throw ConfigError(
        fmt::format("{}: no kernel version in its Makefile; expected a Linux kernel tree", what));
  return version;
}

std::string Toolchain::text() const {
  std::string text = fmt::format("compiler {}\n", compiler);
  for (const auto& [variable, value] : make)
    text += fmt::format("make {}={}\n", variable, value);
  text += config_text(config);
  for (const Fixup& fixup : fixups)
    text += fmt::format("fixup {} {} {} {}\n", fixup.file, base::sha256(fixup.find),
                        base::sha256(fixup.replace), fixup.if_found);
  return text;
}

Toolchains::Toolchains(const fs::path& file) : file_(file.string()) {
  const toml::table root = read_toml(file);
  const TomlTable table(root, file_);
  table.check_keys({"toolchain"});
  for (const TomlTable& entry : table.tables("toolchain"))
    entries_.push_back(parse_toolchain(entry));
}

const Toolchain& Toolchains::pick(const Version& version) const {
  for (const Toolchain& entry : entries_)
    if (entry.from <= version && version < entry.below)
      return entry;
  throw ConfigError(fmt::format("{}: no toolchain for Linux {}; next step: add an entry for it",
                                file_, version.text()));
}

Compiler find_compiler(const std::string& name, const fs::path& cache) {
  std::optional<fs::path> program = in_path(name);
  const fs::path fetched = cache / "toolchains" / name / "bin" / name;
  std::error_code ignored;
  if (!program && fs::exists(fetched, ignored))
    program = fetched;
  if (!program)
    throw base::Error(fmt::format("the compiler {} is not installed; next step: {}", name,
                                  name.find('-') == std::string::npos
                                      ? "apt-get install " + name
                                      : "images/toolchain " + name));
  return {*program, first_line_of({program->string(), "--version"})};
}

std::string linker_identity() {
  try {
    return first_line_of({"ld", "--version"});
  } catch (const base::SysError&) {
    throw base::Error("the linker ld is not installed; next step: apt-get install binutils");
  }
}

void apply_fixups(const Toolchain& toolchain, const fs::path& source) {
  for (const Fixup& fixup : toolchain.fixups) {
    const fs::path file = source / fixup.file;
    std::string text = fs::is_regular_file(file) ? base::read_file(file) : std::string();
    const std::size_t n = count(text, fixup.find);
    if (n == 0 && fixup.if_found)
      continue;
    if (n != 1)
      throw ConfigError(
          fmt::format("{}: the fixup does not fit {}: expected its text once, found it {} times",
                      fixup.where, fixup.file, n));
    text.replace(text.find(fixup.find), fixup.find.size(), fixup.replace);
    const fs::perms mode = fs::status(file).permissions();
    base::write_file(file, text);
    fs::permissions(file, mode);
  }
}

} // namespace harness
