#include "harness/config/toml.hpp"

#include <charconv>
#include <limits>
#include <system_error>

#include <fmt/format.h>

#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"
#include "vmm/base/text.hpp"

namespace harness {

namespace {

std::string where(const std::string& file, const toml::source_position& at) {
  return at.line == 0 ? file : fmt::format("{}:{}:{}", file, at.line, at.column);
}

// Text of a file, safe to print in an error of one line.
std::string one_line(std::string_view text) {
  std::string safe = base::printable(text);
  for (char& c : safe)
    if (c == '\n' || c == '\t')
      c = ' ';
  return safe;
}

// What people call the type of a value, with its article.
std::string_view type_name(const toml::node& node) {
  switch (node.type()) {
  case toml::node_type::table:
    return "a table";
  case toml::node_type::array:
    return "an array";
  case toml::node_type::string:
    return "a string";
  case toml::node_type::integer:
    return "an integer";
  case toml::node_type::floating_point:
    return "a float";
  case toml::node_type::boolean:
    return "a boolean";
  default:
    return "a date or time";
  }
}

struct Unit {
  std::string_view name;
  std::int64_t factor;
};

// "<digits><unit>" times its factor; nothing for anything else and on overflow.
template<std::size_t N>
std::optional<std::int64_t> scaled(const std::string& text, const Unit (&units)[N]) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0)
    return std::nullopt;
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  for (const Unit& known : units) {
    if (unit != known.name)
      continue;
    if (number > std::numeric_limits<std::int64_t>::max() / known.factor)
      return std::nullopt;
    return number * known.factor;
  }
  return std::nullopt;
}

// A file that somebody named on a command line or in another file.
std::string read_named(const std::filesystem::path& file) {
  try {
    return base::read_file(file);
  } catch (const base::SysError& error) {
    throw base::UsageError(fmt::format("{}: {}; expected a TOML file", file.string(),
                                       std::generic_category().message(error.code())));
  }
}

} // namespace

toml::table read_toml(const std::filesystem::path& file) {
  const std::string content = read_named(file);
  try {
    return toml::parse(content, file.string());
  } catch (const toml::parse_error& error) {
    throw base::UsageError(fmt::format("{}: {}; expected a TOML file (https://toml.io)",
                                       where(file.string(), error.source().begin),
                                       one_line(error.description())));
  }
}

void TomlTable::check_keys(const std::vector<std::string>& known) const {
  for (const auto& [key, node] : *table_) {
    bool found = false;
    for (const std::string& name : known)
      found = found || name == key.str();
    if (found)
      continue;
    std::string names;
    for (const std::string& name : known)
      names += (names.empty() ? "" : ", ") + name;
    throw base::UsageError(fmt::format("{}: unknown key '{}'{}; known here: {}",
                                       where(file_, key.source().begin), one_line(key.str()),
                                       base::did_you_mean(key.str(), known), names));
  }
}

std::optional<std::string> TomlTable::text(std::string_view key) const {
  const toml::node* node = table_->get(key);
  if (!node)
    return std::nullopt;
  const auto* value = node->as_string();
  if (!value)
    fail(key, fmt::format("'{}' is {}; expected a string in quotes", key, type_name(*node)));
  return value->get();
}

std::optional<bool> TomlTable::flag(std::string_view key) const {
  const toml::node* node = table_->get(key);
  if (!node)
    return std::nullopt;
  const auto* value = node->as_boolean();
  if (!value)
    fail(key, fmt::format("'{}' is {}; expected true or false", key, type_name(*node)));
  return value->get();
}

std::optional<std::int64_t> TomlTable::integer(std::string_view key, std::int64_t min,
                                               std::int64_t max) const {
  const toml::node* node = table_->get(key);
  if (!node)
    return std::nullopt;
  const auto* value = node->as_integer();
  if (!value)
    fail(key, fmt::format("'{}' is {}; expected an integer from {} to {}", key, type_name(*node),
                          min, max));
  if (value->get() < min || value->get() > max)
    fail(key, fmt::format("'{}' is {}; expected {} to {}", key, value->get(), min, max));
  return value->get();
}

std::vector<std::string> TomlTable::texts(std::string_view key) const {
  const toml::node* node = table_->get(key);
  if (!node)
    return {};
  const toml::array* array = node->as_array();
  if (!array)
    fail(key, fmt::format("'{}' is {}; expected an array of strings", key, type_name(*node)));
  std::vector<std::string> values;
  for (const toml::node& item : *array) {
    if (!item.is_string())
      fail(item, fmt::format("'{}' holds {}; expected only strings", key, type_name(item)));
    values.push_back(item.as_string()->get());
  }
  return values;
}

std::optional<TomlTable> TomlTable::table(std::string_view key) const {
  const toml::node* node = table_->get(key);
  if (!node)
    return std::nullopt;
  if (!node->is_table())
    fail(key, fmt::format("'{0}' is {1}; expected a table: [{0}]", key, type_name(*node)));
  return TomlTable(*node->as_table(), file_);
}

std::vector<TomlTable> TomlTable::tables(std::string_view key) const {
  const toml::node* node = table_->get(key);
  if (!node)
    return {};
  const toml::array* array = node->as_array();
  if (!array)
    fail(key,
         fmt::format("'{0}' is {1}; expected an array of tables: [[{0}]]", key, type_name(*node)));
  std::vector<TomlTable> found;
  for (const toml::node& item : *array) {
    if (!item.is_table())
      fail(item, fmt::format("'{}' holds {}; expected only tables", key, type_name(item)));
    found.emplace_back(*item.as_table(), file_);
  }
  return found;
}

std::optional<std::int64_t> TomlTable::duration_ms(std::string_view key) const {
  static constexpr Unit units[] = {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}};
  const std::optional<std::string> value = text(key);
  if (!value)
    return std::nullopt;
  const std::optional<std::int64_t> found = scaled(*value, units);
  if (!found)
    fail(key, fmt::format("'{}' is '{}'; expected a number with a unit: \"500ms\", \"20s\", "
                          "\"2m\", \"1h\"",
                          key, one_line(*value)));
  return found;
}

std::optional<std::int64_t> TomlTable::size_bytes(std::string_view key) const {
  static constexpr Unit units[] = {{"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}};
  const std::optional<std::string> value = text(key);
  if (!value)
    return std::nullopt;
  const std::optional<std::int64_t> found = scaled(*value, units);
  if (!found)
    fail(key, fmt::format("'{}' is '{}'; expected a number with a unit: \"64K\", \"512M\", \"2G\"",
                          key, one_line(*value)));
  return found;
}

std::string TomlTable::need_text(std::string_view key) const {
  std::optional<std::string> value = text(key);
  if (!value)
    fail(key, fmt::format("'{}' is missing; expected {} = \"...\"", key, key));
  return *std::move(value);
}

void TomlTable::fail(std::string_view key, const std::string& message) const {
  const toml::node* node = table_->get(key);
  fail(node ? *node : static_cast<const toml::node&>(*table_), message);
}

void TomlTable::fail(const toml::node& node, const std::string& message) const {
  throw base::UsageError(
      fmt::format("{}: {}", where(file_, node.source().begin), one_line(message)));
}

} // namespace harness
