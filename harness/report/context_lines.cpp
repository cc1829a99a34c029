#include "harness/report/context_lines.hpp"

#include <algorithm>

namespace harness {

void ContextLines::start_at(const LogLine& start) {
  if (start.begin >= read_) {
    first_ += entries_.size();
    entries_.clear();
    last_.clear();
    same_ = nullptr;
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
  returned_ = entries_[number - first_].next;
  const LogLine& next = entries_[returned_ - first_].line;
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
  if (same_ == nullptr || line.context != same_->first)
    same_ = &*last_.try_emplace(line.context, 0).first;
  std::size_t& last = same_->second;
  if (last >= first_)
    entries_[last - first_].next = number;
  last = number;
  return true;
}

std::size_t ContextLines::number_of(const LogLine& line) const {
  if (returned_ >= first_ && returned_ - first_ < entries_.size() &&
      entries_[returned_ - first_].line.begin == line.begin)
    return returned_;
  const auto found = std::lower_bound(
      entries_.begin(), entries_.end(), line.begin,
      [](const Entry& entry, std::size_t begin) { return entry.line.begin < begin; });
  return first_ + static_cast<std::size_t>(found - entries_.begin());
}

} // namespace harness
