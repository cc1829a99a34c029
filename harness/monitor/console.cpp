#include "harness/monitor/console.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace harness {

void ConsoleBuffer::append(std::string_view bytes) {
  const std::size_t room = head_limit - head_.size();
  head_ += bytes.substr(0, room);
  bytes.remove_prefix(std::min(room, bytes.size()));
  tail_ += bytes;
  if (tail_.size() <= 2 * tail_limit)
    return;
  const std::size_t cut = tail_.size() - tail_limit;
  lost_ += cut;
  tail_.erase(0, cut);
}

std::string ConsoleBuffer::text() const {
  if (lost_ == 0)
    return head_ + tail_;
  return fmt::format("{}\n[krepro: {} bytes left out]\n{}", head_, lost_, tail_);
}

} // namespace harness
