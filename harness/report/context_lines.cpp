#include "harness/report/context_lines.hpp"

#include <algorithm>

namespace harness {

void ContextLines::start_at(const LogLine& start) {
  if (start.begin >= read_) {
    first_ += entries_.size();
    entries_.clear();
    last_.clear();
    read_ = start.begin;
  }
  while (!entries_.empty() && entries_.front().line.begin < start.begin) {
    entries_.pop_front();
    ++first_;
  }
}

const LogLine* ContextLines::after(const LogLine& line, std::size_t limit) {
  if (entries_.empty() && !read_one(limit))
    return nullptr;
  const std::size_t number = number_of(line);
  while (entries_[number - first_].next == 0)
    if (!read_one(limit))
      return nullptr;
  const LogLine& next = entries_[entries_[number - first_].next - first_].line;
  return next.begin < limit ? &next : nullptr;
}

// False at the limit or the log's end.
bool ContextLines::read_one(std::size_t limit) {
  if (read_ >= std::min(limit, log_.size()))
    return false;
  entries_.push_back({line_at(log_, read_), 0});
  const LogLine& line = entries_.back().line;
  read_ = line.end;
  const std::size_t number = first_ + entries_.size() - 1;
  std::size_t& last = last_[line.context];
  if (last >= first_)
    entries_[last - first_].next = number;
  last = number;
  return true;
}

std::size_t ContextLines::number_of(const LogLine& line) const {
  const auto found = std::lower_bound(
      entries_.begin(), entries_.end(), line.begin,
      [](const Entry& entry, std::size_t begin) { return entry.line.begin < begin; });
  return first_ + static_cast<std::size_t>(found - entries_.begin());
}

} // namespace harness
