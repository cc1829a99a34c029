// Little-endian values in and out of byte strings, for the wire and the program encoding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace guest {

class Writer {
 public:
  template<class T> void put(T value) {
    static_assert(std::is_integral_v<T> && !std::is_same_v<T, bool>);
    const auto bits = static_cast<std::uint64_t>(value);
    for (std::size_t i = 0; i < sizeof(T); ++i)
      bytes_ += static_cast<char>(bits >> (8 * i) & 0xff);
  }
  void put_bool(bool value) { bytes_ += static_cast<char>(value ? 1 : 0); }
  // u32 length, bytes.
  void put_text(std::string_view text) {
    put(static_cast<std::uint32_t>(text.size()));
    bytes_ += text;
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Reads what Writer wrote. After the first value that is not there or not valid, ok() is false and
// every further value is empty or zero.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  template<class T> void get(T& value) {
    static_assert(std::is_integral_v<T> && !std::is_same_v<T, bool>);
    std::uint64_t bits = 0;
    const std::string_view piece = piece_of(sizeof(T));
    for (std::size_t i = 0; i < piece.size(); ++i)
      bits |= static_cast<std::uint64_t>(static_cast<unsigned char>(piece[i])) << (8 * i);
    value = static_cast<T>(bits);
  }
  void get_bool(bool& value) {
    std::uint8_t byte = 0;
    get(byte);
    if (byte > 1)
      fail();
    value = byte == 1;
  }
  void get_text(std::string& text) {
    std::uint32_t size = 0;
    get(size);
    text = piece_of(size);
  }
  // The number of items that follow, each of at least item_size bytes: a count that lies is caught
  // before anything is allocated.
  std::uint32_t get_count(std::size_t item_size) {
    std::uint32_t count = 0;
    get(count);
    if (count > rest_.size() / item_size)
      fail();
    return ok_ ? count : 0;
  }
  void fail() { ok_ = false; }
  bool ok() const { return ok_; }
  // True when every byte was read and each was valid.
  bool at_end() const { return ok_ && rest_.empty(); }

 private:
  std::string_view piece_of(std::size_t size) {
    if (!ok_ || size > rest_.size()) {
      ok_ = false;
      return {};
    }
    const std::string_view piece = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return piece;
  }

  std::string_view rest_;
  bool ok_ = true;
};

} // namespace guest
