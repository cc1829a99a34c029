// The console of one run, kept within bounds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace harness {

// The first mebibyte and the last three: boot and end of a guest that floods its console.
class ConsoleBuffer {
 public:
  static constexpr std::size_t head_limit = 1u << 20;
  static constexpr std::size_t tail_limit = 3u << 20;

  void append(std::string_view bytes);
  bool empty() const { return head_.empty(); }
  // Both ends; between them, where something is lost, a line that says how many bytes.
  std::string text() const;

 private:
  std::string head_;
  std::string tail_; // at most 2 * tail_limit before it is cut
  std::uint64_t lost_ = 0;
};

} // namespace harness
