// How a kernel's structures lie in memory, from its debug information.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "harness/report/debug_file.hpp"

namespace harness {

// Where a member is within its structure.
struct Member {
  std::size_t offset = 0;  // bytes
  std::size_t size = 0;    // bytes; of an array all of it, of a bitfield those that it touches
  std::size_t count = 1;   // elements of an array; 0: as many as there is room for
  unsigned bit_offset = 0; // of a bitfield: its lowest bit, counted from that of the byte at offset
  unsigned bits = 0;       // of a bitfield: its width; 0: it is none
};

// The unsigned number that a member holds; 0 where the object is too short for it, or the member is
// no number (longer than 8 bytes).
std::uint64_t number_in(std::span<const std::uint8_t> object, const Member& member);

// Structures by their names ("task_struct", or "struct task_struct"; a typedef's name does as
// well). Slow once a unit of debug information, fast from then on. One thread at a time.
class Types {
 public:
  // file is borrowed.
  explicit Types(const DebugFile& file);
  Types(Types&&) noexcept;
  Types& operator=(Types&&) noexcept;
  Types(const Types&) = delete;
  Types& operator=(const Types&) = delete;
  ~Types();

  // path: "thread.sp"; what is unnamed in between is looked through, a member of an array is one of
  // its first element. Nothing where this kernel has no such structure or member.
  std::optional<Member> member(std::string_view type, std::string_view path) const;
  // Bytes.
  std::optional<std::size_t> size_of(std::string_view type) const;
  // Whether the unit that defines function `known` also defines function `name`, even where no code
  // of its own is left of it.
  bool defines_beside(std::string_view known, std::string_view name) const;
  // The value of an enumerator, of whichever enumeration.
  std::optional<std::int64_t> enumerator(std::string_view name) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

} // namespace harness
