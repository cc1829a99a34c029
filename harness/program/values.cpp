#include "harness/program/values.hpp"

#include <charconv>
#include <limits>

#include <fmt/format.h>

#include "harness/program/constants.hpp"
#include "vmm/base/text.hpp"

namespace harness {

namespace {

std::string_view kind_name(Names::Kind kind) {
  return kind == Names::Kind::descriptor ? "descriptor" : "buffer";
}

const toml::node& node_of(const TomlTable& table, std::string_view key) {
  return *table.raw().get(key);
}

// Decimal or 0x...; nothing for anything else.
std::optional<std::uint64_t> literal(std::string_view text) {
  const bool hex = text.substr(0, 2) == "0x";
  if (hex)
    text.remove_prefix(2);
  std::uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
  if (error != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return value;
}

std::uint64_t word(const TomlTable& table, const toml::node& node, std::string_view text) {
  if (const std::optional<std::uint64_t> value = literal(text))
    return *value;
  if (const std::optional<std::uint64_t> value = constant(text))
    return *value;
  if (feature_bit(text))
    table.fail(node, fmt::format("'{}' is a feature; it belongs into features = [...]", text));
  table.fail(node, fmt::format("unknown constant '{}'{}; expected a number or a kernel constant",
                               text, base::did_you_mean(text, constant_names())));
}

std::uint64_t number_of(const TomlTable& table, std::string_view key, const toml::node& node) {
  if (const auto* value = node.as_integer())
    return static_cast<std::uint64_t>(value->get());
  std::uint64_t bits = 0;
  if (const toml::array* array = node.as_array()) {
    for (const toml::node& item : *array)
      bits |= number_of(table, key, item);
    return bits;
  }
  const auto* text = node.as_string();
  if (!text)
    table.fail(node, fmt::format("'{}' wants a number or a constant", key));
  for (const std::string& piece : base::split(text->get(), '|'))
    bits |= word(table, node, base::trim(piece));
  return bits;
}

bool is_name(std::string_view text) {
  return !text.empty() && text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVW"
                                                 "XYZ0123456789_-") == std::string_view::npos;
}

} // namespace

std::uint32_t Names::define(Kind kind, const TomlTable& table, std::string_view key) {
  const std::string name = table.need_text(key);
  if (!is_name(name))
    table.fail(key, fmt::format("'{}' is no name; expected letters, digits, '-' and '_'", name));
  const unsigned line = node_of(table, key).source().begin.line;
  const auto found = entries_.find(name);
  if (found == entries_.end()) {
    const std::uint32_t slot = kind == Kind::descriptor ? descriptors_++ : buffers_++;
    if (slot >= guest::max_slots)
      table.fail(key, fmt::format("too many names; at most {} of a kind", guest::max_slots));
    entries_.emplace(name, Entry{kind, slot, true, line});
    return slot;
  }
  Entry& entry = found->second;
  if (entry.open || entry.kind != kind)
    table.fail(key, fmt::format("'{}' is already a {} of line {}; take another name", name,
                                kind_name(entry.kind), entry.line));
  entry.open = true;
  entry.line = line;
  return entry.slot;
}

std::uint32_t Names::use(Kind kind, const TomlTable& table, std::string_view key,
                         std::string_view name) const {
  const auto found = entries_.find(name);
  if (found != entries_.end() && found->second.kind == kind && found->second.open)
    return found->second.slot;
  if (found != entries_.end() && found->second.kind != kind)
    table.fail(key, fmt::format("'{}' is a {}; expected a {}", name, kind_name(found->second.kind),
                                kind_name(kind)));
  if (found != entries_.end())
    table.fail(key, fmt::format("'{}' is closed here; define it again before", name));
  std::vector<std::string> known;
  for (const auto& [other, entry] : entries_)
    if (entry.kind == kind && entry.open)
      known.push_back(other);
  table.fail(key, fmt::format("'{}' is no {} yet{}; a step before this one must define it: as = "
                              "\"{}\"",
                              name, kind_name(kind), base::did_you_mean(name, known), name));
}

void Names::close(std::string_view name) {
  const auto found = entries_.find(name);
  if (found != entries_.end())
    found->second.open = false;
}

std::uint64_t number(const TomlTable& table, std::string_view key, std::uint64_t otherwise) {
  return table.has(key) ? number_of(table, key, node_of(table, key)) : otherwise;
}

std::uint64_t need_number(const TomlTable& table, std::string_view key) {
  if (!table.has(key))
    table.fail(key, fmt::format("'{0}' is missing; expected {0} = a number or a constant", key));
  return number_of(table, key, node_of(table, key));
}

std::uint32_t number32(const TomlTable& table, std::string_view key, std::uint32_t otherwise) {
  const std::uint64_t value = number(table, key, otherwise);
  const auto as_signed = static_cast<std::int64_t>(value);
  if (value > std::numeric_limits<std::uint32_t>::max() &&
      (as_signed >= 0 || as_signed < std::numeric_limits<std::int32_t>::min()))
    table.fail(key, fmt::format("'{}' is {:#x}; expected at most 32 bits", key, value));
  return static_cast<std::uint32_t>(value);
}

std::uint64_t features(const TomlTable& table, std::string_view key) {
  if (!table.has(key))
    table.fail(key,
               fmt::format("'{0}' is missing; expected {0} = [\"VIRTIO_F_VERSION_1\", ...]", key));
  const toml::node& node = node_of(table, key);
  if (const auto* value = node.as_integer())
    return static_cast<std::uint64_t>(value->get());
  const toml::array* array = node.as_array();
  if (!array)
    table.fail(key, fmt::format("'{}' wants a mask or an array of feature names", key));
  std::uint64_t mask = 0;
  for (const toml::node& item : *array) {
    const auto* name = item.as_string();
    if (!name)
      table.fail(item, fmt::format("'{}' wants feature names in quotes", key));
    const std::optional<unsigned> bit = feature_bit(name->get());
    if (!bit)
      table.fail(item, fmt::format("unknown feature '{}'{}", name->get(),
                                   base::did_you_mean(name->get(), feature_names())));
    mask |= std::uint64_t{1} << *bit;
  }
  return mask;
}

Operand operand(const TomlTable& table, std::string_view key, const Names& names) {
  constexpr std::string_view prefix = "buffer:";
  if (!table.has(key))
    return {};
  const auto* text = node_of(table, key).as_string();
  if (!text || text->get().compare(0, prefix.size(), prefix) != 0)
    return {number(table, key, 0), guest::no_slot};
  const std::string_view rest = std::string_view(text->get()).substr(prefix.size());
  const std::size_t plus = rest.find('+');
  Operand result;
  result.buffer = names.use(Names::Kind::buffer, table, key, base::trim(rest.substr(0, plus)));
  if (plus == std::string_view::npos)
    return result;
  const std::optional<std::uint64_t> offset = literal(base::trim(rest.substr(plus + 1)));
  if (!offset)
    table.fail(key, fmt::format("'{}' has no number after '+'; expected \"buffer:NAME+0x1000\"",
                                text->get()));
  result.number = *offset;
  return result;
}

std::string hex_bytes(const TomlTable& table, std::string_view key) {
  std::string digits;
  for (const char c : table.need_text(key))
    if (c != ' ' && c != '\n' && c != '\t')
      digits += c;
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(&digits[i], &digits[i] + 2, value, 16);
    if (error != std::errc() || end != &digits[i] + 2)
      table.fail(key, fmt::format("'{}' is no byte; expected hexadecimal digits: \"01 00 ff\"",
                                  digits.substr(i, 2)));
    bytes += static_cast<char>(value);
  }
  if (digits.size() % 2 != 0)
    table.fail(key,
               fmt::format("'{}' has an odd number of digits; expected two for each byte", key));
  return bytes;
}

Fields& Fields::put(std::uint32_t offset, std::uint64_t value, unsigned size) {
  for (unsigned i = 0; i < size; ++i)
    data_.bytes.at(offset + i) = static_cast<char>(value >> (8 * i) & 0xff);
  return *this;
}

Fields& Fields::address(std::uint32_t offset, const Operand& value) {
  put(offset, value.number, 8);
  if (value.buffer != guest::no_slot)
    data_.fixups.push_back({guest::Fixup::Kind::address, offset, value.buffer, value.number});
  return *this;
}

Fields& Fields::descriptor(std::uint32_t offset, std::uint32_t slot) {
  put(offset, 0xffffffff, 4);
  if (slot != guest::no_slot)
    data_.fixups.push_back({guest::Fixup::Kind::descriptor, offset, slot, 0});
  return *this;
}

} // namespace harness
