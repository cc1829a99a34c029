// The lines of a log by the context that wrote them.
#pragma once

#include <cstddef>
#include <deque>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "harness/report/lines.hpp"

namespace harness {

// Reads each line once, however many reports of other contexts overlap it. Remembers the lines from
// the last start on.
class ContextLines {
 public:
  explicit ContextLines(std::string_view log) : log_(log) {}

  // Later calls of after() are about lines from start on; each start must lie behind the one
  // before. start.end may not change.
  void start_at(const LogLine& start);

  // The next line of the same context that begins before limit, a byte offset; null: none. line is
  // the start or was returned since; what is returned lives until the next start.
  const LogLine* after(const LogLine& line, std::size_t limit);

 private:
  struct Entry {
    LogLine line;
    std::size_t next = 0; // number of the context's next line; 0: not known
  };

  bool read_one(std::size_t limit);
  std::size_t number_of(const LogLine& line) const;

  std::string_view log_;
  std::deque<Entry> entries_;
  std::size_t first_ = 1;    // number of entries_.front(); lines are counted from 1 on
  std::size_t returned_ = 0; // number of the line that after() gave last
  std::size_t read_ = 0;     // byte offset of the first line that was not read
  std::unordered_map<std::string_view, std::size_t> last_; // a context's last line
  // Of the line read last: the next one is often of the same context.
  std::pair<const std::string_view, std::size_t>* same_ = nullptr;
};

} // namespace harness
