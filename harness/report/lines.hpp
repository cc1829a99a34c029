// Console bytes into lines without their printk prefix.
#pragma once

#include <cstddef>
#include <string_view>

namespace harness {

// Only this many bytes of a line are looked at, so that one endless line costs no more than a page.
inline constexpr std::size_t max_line_bytes = 4096;

struct LogLine {
  std::size_t begin = 0; // byte offsets into the log; end is past the newline
  std::size_t end = 0;
  std::string_view text;    // no newline, no \r, no printk prefix; at most max_line_bytes
  bool stamped = false;     // there was a printk prefix
  std::string_view context; // "T123" or "C0" of a CONFIG_PRINTK_CALLER prefix; empty without one
};

// The line that starts at offset; offset must be below log.size().
LogLine line_at(std::string_view log, std::size_t offset);

// A raw line without "<6>", "[   12.345678]", "[   12.345678][  T123]" or "** n printk messages
// dropped **"; a prefix behind the output of something else ("login: [   12.345678] ...") counts
// too, unless a crash may start in that.
LogLine strip_prefix(std::string_view raw);

// True when the raw line has a printk time stamp before its text.
bool is_stamped(std::string_view raw);

// Where a time stamp "[   12.345678]" starts in text at or after from; npos: nowhere.
std::size_t find_timestamp(std::string_view text, std::size_t from);

} // namespace harness
