// Values of a sequence file: numbers, constants, features, names of descriptors and buffers.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "guest/program.hpp"
#include "harness/config/toml.hpp"

namespace harness {

// The names that steps define, and the slots they stand for. A name that is closed and defined
// again keeps its slot, so that a repeat may hold both.
class Names {
 public:
  enum class Kind { descriptor, buffer };

  // The slot for a name that the step at table defines with key. Throws base::UsageError where the
  // name is in use, or no name.
  std::uint32_t define(Kind kind, const TomlTable& table, std::string_view key);
  // The slot of a name that is used under key. Throws base::UsageError, with the nearest one.
  std::uint32_t use(Kind kind, const TomlTable& table, std::string_view key,
                    std::string_view name) const;
  // The name may be defined again, and not be used before that.
  void close(std::string_view name);
  // A slot without a name.
  std::uint32_t hidden_descriptor() { return descriptors_++; }

  std::uint32_t descriptors() const { return descriptors_; }
  std::uint32_t buffers() const { return buffers_; }

 private:
  struct Entry {
    Kind kind;
    std::uint32_t slot;
    bool open;
    unsigned line; // of its definition, or of what closed it
  };
  std::map<std::string, Entry, std::less<>> entries_;
  std::uint32_t descriptors_ = 0;
  std::uint32_t buffers_ = 0;
};

// A number, or the address of a buffer plus a number.
struct Operand {
  std::uint64_t number = 0;
  std::uint32_t buffer = guest::no_slot;
};

// All throw base::UsageError with the position; absent keys give the default.

// An integer, a constant, "0x..." for what TOML's integers cannot hold, or several joined with "|"
// or as an array.
std::uint64_t number(const TomlTable& table, std::string_view key, std::uint64_t otherwise);
std::uint64_t need_number(const TomlTable& table, std::string_view key);
// As number(), and refuses what does not fit into bits.
std::uint32_t number32(const TomlTable& table, std::string_view key, std::uint32_t otherwise);
// A mask: an integer, or an array of feature names.
std::uint64_t features(const TomlTable& table, std::string_view key);
// As number(), or "buffer:NAME", "buffer:NAME+0x1000".
Operand operand(const TomlTable& table, std::string_view key, const Names& names);
// Hexadecimal digits, blanks between them allowed.
std::string hex_bytes(const TomlTable& table, std::string_view key);

// Builds the bytes of a structure whose fields are at known offsets.
class Fields {
 public:
  explicit Fields(std::size_t size) : data_{std::string(size, '\0'), {}} {}
  Fields& u8(std::uint32_t offset, std::uint8_t value) { return put(offset, value, 1); }
  Fields& u16(std::uint32_t offset, std::uint16_t value) { return put(offset, value, 2); }
  Fields& u32(std::uint32_t offset, std::uint32_t value) { return put(offset, value, 4); }
  Fields& u64(std::uint32_t offset, std::uint64_t value) { return put(offset, value, 8); }
  Fields& address(std::uint32_t offset, const Operand& value);
  // slot no_slot: -1.
  Fields& descriptor(std::uint32_t offset, std::uint32_t slot);
  guest::Data take() { return std::move(data_); }

 private:
  Fields& put(std::uint32_t offset, std::uint64_t value, unsigned size);
  guest::Data data_;
};

} // namespace harness
