#include "harness/report/code.hpp"

#include <algorithm>
#include <charconv>
#include <climits>
#include <utility>

#include <fmt/format.h>

#include "harness/report/instructions.hpp"
#include "harness/report/x86_odds.hpp"
#include "vmm/base/text.hpp"

namespace harness {

namespace {

constexpr std::size_t longest = 15; // bytes of an x86 instruction
constexpr int byte_bits = 8;
// A way to decode that is so many bits less usual than another is none.
constexpr int doubt_bits = 14;
constexpr std::size_t byte_row = 8; // bytes of a line of .byte

// Adds a word of the line, "48" or "d503201f", as the bytes in memory: arm64's words are
// little-endian numbers. False where it is none.
bool add_word(std::string_view word, std::string& bytes) {
  std::uint32_t value = 0;
  auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, 16);
  if (error != std::errc() || end != word.data() + word.size() ||
      (word.size() != 2 && word.size() != 8))
    return false;
  for (std::size_t i = 0; i < word.size() / 2; ++i)
    bytes += static_cast<char>(value >> (8 * i));
  return true;
}

// The instructions from some byte on that lead exactly to the end of a range.
struct Chain {
  std::vector<std::size_t> starts;
  int bits = 0; // how unusual it is
};

// Decodes from the start of each byte, once.
class Sweep {
 public:
  Sweep(const InstructionDecoder& decoder, std::string_view bytes, bool weigh) : weigh_(weigh) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      size_.push_back(decoder.size_at(bytes.substr(i)));
      bits_.push_back(weigh ? odds_bits(bytes.substr(i, size_.back())) : 0);
    }
  }

  // Where the instructions of [0, end) start, all of them that are certain, when one starts at end
  // and the first byte may be within one.
  std::vector<std::size_t> before(std::size_t end) const {
    std::vector<Chain> chains;
    for (std::size_t start = 0; start < std::min(end, longest); ++start)
      if (auto chain = from(start, end))
        chains.push_back(std::move(*chain));
    drop_unlikely(chains);
    std::vector<std::size_t> visits(end + 1, 0);
    for (const Chain& chain : chains)
      for (std::size_t at : chain.starts)
        ++visits[at];
    std::vector<std::size_t> certain;
    for (std::size_t at = 0; at < end && !chains.empty(); ++at)
      if (visits[at] == chains.size())
        certain.push_back(at);
    return certain;
  }

  // Nothing where the instructions from start on do not lead to end.
  std::optional<Chain> from(std::size_t start, std::size_t end) const {
    Chain chain;
    chain.bits = weigh_ ? byte_bits * static_cast<int>(start) : 0;
    std::size_t at = start;
    for (; at < end && size_[at] != 0; at += size_[at]) {
      chain.starts.push_back(at);
      chain.bits += bits_[at];
    }
    return at == end ? std::optional(std::move(chain)) : std::nullopt;
  }

  std::size_t size_at(std::size_t at) const { return size_[at]; }

 private:
  static void drop_unlikely(std::vector<Chain>& chains) {
    int best = INT_MAX;
    for (const Chain& chain : chains)
      best = std::min(best, chain.bits);
    std::erase_if(chains, [&](const Chain& chain) { return chain.bits > best + doubt_bits; });
  }

  bool weigh_;
  std::vector<std::size_t> size_; // 0: no instruction
  std::vector<int> bits_;
};

// The starts of the instructions before the faulting one that are certain.
std::vector<std::size_t> starts_before(const Sweep& sweep, std::size_t fault,
                                       const CodeSite& place) {
  const std::size_t anchor = place.anchor && *place.anchor <= fault ? fault - *place.anchor : fault;
  std::vector<std::size_t> starts = sweep.before(anchor);
  const std::optional<Chain> own = sweep.from(anchor, fault);
  if (!own) // patched since
    return sweep.before(fault);
  starts.insert(starts.end(), own->starts.begin(), own->starts.end());
  return starts;
}

// The starts of all certain instructions, in order.
std::vector<std::size_t> starts_of(const Sweep& sweep, const CodeBytes& code,
                                   const CodeSite& place) {
  std::vector<std::size_t> starts;
  std::size_t first = code.fault;
  if (place.machine == Machine::arm64)
    first = 0;
  else
    starts = starts_before(sweep, code.fault, place);
  for (std::size_t at = first; at < code.bytes.size() && sweep.size_at(at) != 0;
       at += sweep.size_at(at))
    starts.push_back(at);
  return starts;
}

class Listing {
 public:
  Listing(const InstructionDecoder& decoder, const CodeBytes& code, const CodeSite& place)
      : decoder_(decoder), code_(code), place_(place) {}

  void instruction(std::size_t at, std::size_t size) {
    const auto offset = offset_of(at);
    add(at, size, decoder_.text_at(std::string_view(code_.bytes).substr(at), [&](std::int64_t to) {
      const std::string name = place_.name ? place_.name(offset + to) : std::string();
      return name.empty() ? fmt::format(".{:+#x}", to) : name;
    }));
  }

  void bytes(std::size_t begin, std::size_t end) {
    while (begin < end) {
      std::size_t size = std::min(end - begin, byte_row);
      if (begin < code_.fault) // a row of its own for what is at the faulting byte
        size = std::min(size, code_.fault - begin);
      std::string text = ".byte  ";
      for (std::size_t i = 0; i < size; ++i)
        text += fmt::format("{}{:#04x}", i == 0 ? "" : ",",
                            static_cast<unsigned char>(code_.bytes[begin + i]));
      add(begin, size, text);
      list_.back().known = false;
      begin += size;
    }
  }

  std::vector<Instruction> take() { return std::move(list_); }

 private:
  std::ptrdiff_t offset_of(std::size_t at) const {
    return static_cast<std::ptrdiff_t>(at) - static_cast<std::ptrdiff_t>(code_.fault);
  }

  void add(std::size_t at, std::size_t size, std::string text) {
    Instruction row;
    row.offset = offset_of(at);
    row.bytes = code_.bytes.substr(at, size);
    row.text = std::move(text);
    row.faulting = at == code_.fault;
    list_.push_back(std::move(row));
  }

  const InstructionDecoder& decoder_;
  const CodeBytes& code_;
  const CodeSite& place_;
  std::vector<Instruction> list_;
};

} // namespace

std::optional<CodeBytes> parse_code(std::string_view line) {
  constexpr std::string_view label = "Code: ";
  if (!line.starts_with(label))
    return {};
  CodeBytes code;
  bool marked = false;
  for (const std::string& word : base::split(line.substr(label.size()), ' ')) {
    if (word.empty())
      continue;
    const bool mark = word.front() == '<' || word.front() == '(';
    if (mark && (marked || word.size() < 3))
      return {};
    if (mark)
      code.fault = code.bytes.size();
    marked = marked || mark;
    if (!add_word(mark ? std::string_view(word).substr(1, word.size() - 2) : word, code.bytes))
      return {};
  }
  return marked ? std::optional(code) : std::nullopt;
}

std::vector<Instruction> disassemble(const CodeBytes& code, const CodeSite& place) {
  const InstructionDecoder decoder(place.machine);
  const Sweep sweep(decoder, code.bytes, place.machine == Machine::x86_64);
  Listing listing(decoder, code, place);
  std::size_t done = 0;
  for (std::size_t at : starts_of(sweep, code, place)) {
    listing.bytes(done, at);
    listing.instruction(at, sweep.size_at(at));
    done = at + sweep.size_at(at);
  }
  listing.bytes(done, code.bytes.size());
  return listing.take();
}

} // namespace harness
