// What kbuild prints, read.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace harness {

// "  CC      drivers/vhost/vhost.o" -> "CC drivers/vhost/vhost.o"; nothing for other lines.
std::optional<std::string> progress_of(std::string_view line);

struct MakeFailure {
  enum class Kind {
    source,  // the compiler or the linker refuses the source
    unclear, // make gave up for another reason; stale objects can be one
    machine, // disk full, no memory, a tool is missing: says nothing about the source
  };
  Kind kind = Kind::unclear;
  std::string line; // the first error, one line; paths relative to the source
};

// Why make failed, from its whole output. source is the checkout's path. For Kind::machine the line
// says what to do next.
MakeFailure judge_make(std::string_view log, const std::string& source);

} // namespace harness
