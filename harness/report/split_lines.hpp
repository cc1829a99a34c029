// Lines that v4.9 printed in pieces: its printk started a new line where lockdep meant to go on
// ("-> #0", " (", "&p->lock", "){+.+.+.}", ":").
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace harness {

class SplitLines {
 public:
  // Takes the next line, without its prefix. Gives a whole line, or nothing while pieces are
  // missing. The result is valid until the next call. At most 8 pieces make a line.
  std::optional<std::string_view> add(std::string_view line);

 private:
  std::string whole_;
  unsigned pieces_ = 0; // in whole_; 0: none is waiting
};

} // namespace harness
