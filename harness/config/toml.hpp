// TOML files, read strictly: every key must be known, every value of its type and range, and an
// error says file:line:column.
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <toml++/toml.h>

namespace harness {

// Parses a file. Throws base::UsageError "file:line:col: ..." on a syntax error, "file: ..."
// where it cannot be read.
toml::table read_toml(const std::filesystem::path& file);

// A table of a file, with the name of the file for errors. Valid as long as the toml::table is.
class TomlTable {
 public:
  TomlTable(const toml::table& table, std::string file) : table_(&table), file_(std::move(file)) {}

  // Throws base::UsageError for a key that is not among known, with the nearest known one.
  void check_keys(const std::vector<std::string>& known) const;

  bool has(std::string_view key) const { return table_->contains(key); }
  // The value, or nothing where the key is absent. Throw base::UsageError on another type or range.
  std::optional<std::string> text(std::string_view key) const;
  std::optional<bool> flag(std::string_view key) const;
  std::optional<std::int64_t> integer(std::string_view key, std::int64_t min,
                                      std::int64_t max) const;
  std::vector<std::string>
  texts(std::string_view key) const; // an array of strings; empty if absent
  std::optional<TomlTable> table(std::string_view key) const;
  std::vector<TomlTable> tables(std::string_view key) const; // an array of tables; empty if absent
  // "20s", "500ms", "2m": milliseconds.
  std::optional<std::int64_t> duration_ms(std::string_view key) const;
  // "512M", "2G": bytes.
  std::optional<std::int64_t> size_bytes(std::string_view key) const;
  // Like text(), and throws base::UsageError where it is absent.
  std::string need_text(std::string_view key) const;

  const toml::table& raw() const { return *table_; }
  const std::string& file() const { return file_; }
  // Throws base::UsageError "file:line:col: message" at the key's value, or at the table if absent.
  [[noreturn]] void fail(std::string_view key, const std::string& message) const;
  [[noreturn]] void fail(const toml::node& node, const std::string& message) const;

 private:
  const toml::table* table_;
  std::string file_;
};

} // namespace harness
