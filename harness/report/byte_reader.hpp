// Little-endian numbers out of bytes, with their end kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace harness {

// Past the end every number is 0, every text empty, and ok() false from then on.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  bool at_end() const { return at_ >= bytes_.size(); }
  std::string_view rest() const { return bytes_.substr(at_); }

  // size: at most 8 bytes.
  std::uint64_t fixed(std::size_t size) {
    std::uint64_t value = 0;
    if (!has(size))
      return 0;
    for (std::size_t i = 0; i < size; ++i)
      value |= std::uint64_t{static_cast<unsigned char>(bytes_[at_ + i])} << (8 * i);
    at_ += size;
    return value;
  }

  std::uint8_t byte() {
    return has(1) ? static_cast<std::uint8_t>(bytes_[at_++]) : std::uint8_t{0};
  }

  int signed_byte() {
    const int value = byte();
    return value < 128 ? value : value - 256;
  }

  std::uint64_t uleb() {
    unsigned shift = 0;
    return leb(shift);
  }

  std::int64_t sleb() {
    unsigned shift = 0;
    std::uint64_t value = leb(shift);
    if (shift < 64 && shift != 0 && (value >> (shift - 1) & 1) != 0)
      value |= ~std::uint64_t{0} << shift;
    return static_cast<std::int64_t>(value);
  }

  // Up to a zero byte, which is passed.
  std::string_view text() {
    const std::size_t end = bytes_.find('\0', at_);
    if (end == std::string_view::npos) {
      ok_ = false;
      at_ = bytes_.size();
      return {};
    }
    const std::string_view found = bytes_.substr(at_, end - at_);
    at_ = end + 1;
    return found;
  }

  std::string_view take(std::uint64_t size) {
    if (!has(size))
      return {};
    at_ += size;
    return bytes_.substr(at_ - size, size);
  }

 private:
  bool has(std::uint64_t size) {
    if (size <= bytes_.size() - at_)
      return true;
    ok_ = false;
    at_ = bytes_.size();
    return false;
  }

  std::uint64_t leb(unsigned& shift) {
    std::uint64_t value = 0;
    for (;;) {
      const std::uint8_t part = byte();
      if (shift < 64)
        value |= std::uint64_t{part & 0x7fU} << shift;
      shift += 7;
      if ((part & 0x80) == 0)
        return value;
    }
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

} // namespace harness
