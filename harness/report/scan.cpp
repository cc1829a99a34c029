#include "harness/report/scan.hpp"

#include <algorithm>
#include <utility>

#include "vmm/base/error.hpp"

#if defined(__x86_64__)
#include <tmmintrin.h>
#endif

namespace harness {

namespace {

constexpr std::size_t npos = std::string_view::npos;
constexpr unsigned buckets = 8; // a bit each

bool inside_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c == '_' || (c >= 'a' && c <= 'z');
}

} // namespace

WordScan::WordScan(std::vector<std::string_view> words) : words_(std::move(words)) {
  ASSERT(words_.size() <= UINT16_MAX);
  for (std::size_t i = 0; i < words_.size(); ++i) {
    ASSERT(words_[i].size() >= depth);
    by_first_[static_cast<unsigned char>(words_[i][0])].push_back(static_cast<std::uint16_t>(i));
  }
  // Words with one first byte share a bucket; neighbours in the alphabet do, since a bucket accepts
  // each low half with each high half that is in it.
  unsigned firsts = 0;
  for (const auto& list : by_first_)
    firsts += !list.empty();
  unsigned rank = 0;
  for (const auto& list : by_first_) {
    for (std::uint16_t index : list)
      add(words_[index], static_cast<std::uint8_t>(1u << (rank * buckets / firsts)));
    rank += !list.empty();
  }
  for (unsigned c = 0; c < 0x80; ++c)
    if (inside_word(static_cast<char>(c)))
      inside_.low[c & 15] |= static_cast<std::uint8_t>(1u << (c >> 4));
  for (unsigned high = 0; high < 8; ++high)
    inside_.high[high] = static_cast<std::uint8_t>(1u << high);
}

void WordScan::add(std::string_view word, std::uint8_t bucket) {
  for (std::size_t i = 0; i < depth; ++i) {
    const auto c = static_cast<unsigned char>(word[i]);
    halves_[i].low[c & 15] |= bucket;
    halves_[i].high[c >> 4] |= bucket;
  }
}

bool WordScan::stands_at(std::string_view bytes, std::size_t offset) const {
  bool found = false;
  if (offset == 0 || !inside_word(bytes[offset - 1]))
    each_at(bytes, offset, [&](std::size_t) { found = true; });
  return found;
}

std::size_t WordScan::find_slowly(std::string_view bytes, std::size_t from) const {
  for (std::size_t at = from; at < bytes.size(); ++at)
    if (!by_first_[static_cast<unsigned char>(bytes[at])].empty() && stands_at(bytes, at))
      return at;
  return npos;
}

#if defined(__x86_64__)

namespace {

constexpr std::size_t width = 16;

__m128i load(const void* from) { return _mm_loadu_si128(static_cast<const __m128i*>(from)); }

} // namespace

__attribute__((target("ssse3"))) std::size_t WordScan::find_fast(std::string_view bytes,
                                                                 std::size_t from) const {
  const __m128i half = _mm_set1_epi8(15);
  // What a table says of each of 16 bytes. A lambda would not inherit the target.
#define LOOK_UP(table, block)                                                                      \
  _mm_and_si128(                                                                                   \
      _mm_shuffle_epi8(load((table).low.data()), _mm_and_si128(block, half)),                      \
      _mm_shuffle_epi8(load((table).high.data()), _mm_and_si128(_mm_srli_epi16(block, 4), half)))
  std::size_t at = from;
  for (; at + width + depth - 1 <= bytes.size(); at += width) {
    const char* p = bytes.data() + at;
    const __m128i before = load(p - 1);
    const __m128i first = load(p);
    const __m128i second = load(p + 1);
    const __m128i third = load(p + 2);
    const __m128i inside = LOOK_UP(inside_, before);
    __m128i hits = _mm_and_si128(LOOK_UP(halves_[0], first), LOOK_UP(halves_[1], second));
    hits = _mm_and_si128(hits, LOOK_UP(halves_[2], third));
    const __m128i none = _mm_setzero_si128();
    // A byte is 0xff where no word can stand.
    const __m128i miss = _mm_or_si128(
        _mm_cmpeq_epi8(hits, none), _mm_xor_si128(_mm_cmpeq_epi8(inside, none), _mm_set1_epi8(-1)));
    auto mask = static_cast<unsigned>(~_mm_movemask_epi8(miss)) & 0xffff;
    for (; mask != 0; mask &= mask - 1) {
      const std::size_t here = at + static_cast<unsigned>(__builtin_ctz(mask));
      if (stands_at(bytes, here))
        return here;
    }
  }
#undef LOOK_UP
  return find_slowly(bytes, at);
}

std::size_t WordScan::find(std::string_view bytes, std::size_t from) const {
  static const bool fast = __builtin_cpu_supports("ssse3");
  if (!fast || bytes.size() - std::min(from, bytes.size()) < 2 * width)
    return find_slowly(bytes, from);
  if (from == 0) {
    if (stands_at(bytes, 0))
      return 0;
    from = 1;
  }
  return find_fast(bytes, from);
}

#else

std::size_t WordScan::find(std::string_view bytes, std::size_t from) const {
  return find_slowly(bytes, from);
}

#endif

} // namespace harness
