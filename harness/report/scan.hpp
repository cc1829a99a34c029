// A search for many words at once, at the speed of memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace harness {

// A position where a word may stand is after anything but a letter, a digit or '_', and its first
// three bytes are those of some word: that is asked of many positions at once. Only there words are
// compared. The work is linear in the bytes, whatever they are.
class WordScan {
 public:
  // At most 65535 words of at least three bytes; they are kept, not what they point to. Throws
  // nothing but std::bad_alloc.
  explicit WordScan(std::vector<std::string_view> words);

  // The first offset at or after from where a word stands at its start; npos: none.
  std::size_t find(std::string_view bytes, std::size_t from = 0) const;

  // The same, a byte at a time: what find does on a CPU without SSSE3.
  std::size_t find_slowly(std::string_view bytes, std::size_t from) const;

  // Calls f with the index of each word that stands at this offset, in ascending order.
  template<typename F> void each_at(std::string_view bytes, std::size_t offset, F f) const {
    bytes.remove_prefix(offset);
    for (std::uint16_t index : by_first_[static_cast<unsigned char>(bytes[0])])
      if (bytes.starts_with(words_[index]))
        f(index);
  }

 private:
  static constexpr std::size_t depth = 3; // bytes of a word that are looked at everywhere

  // Which buckets of words have this byte there; an element a byte's low half, and a high half.
  struct Halves {
    alignas(16) std::array<std::uint8_t, 16> low{};
    alignas(16) std::array<std::uint8_t, 16> high{};
  };

  void add(std::string_view word, std::uint8_t bucket);
  bool stands_at(std::string_view bytes, std::size_t offset) const;
  std::size_t find_fast(std::string_view bytes, std::size_t from) const;

  std::vector<std::string_view> words_;
  std::array<std::vector<std::uint16_t>, 256> by_first_;
  std::array<Halves, depth> halves_;
  Halves inside_; // of a word: a letter, a digit or '_'; a bit a high half
};

} // namespace harness
