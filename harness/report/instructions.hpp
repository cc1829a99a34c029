// One machine instruction: its length, and its text as objdump spells it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "harness/report/code.hpp"

namespace harness {

// capstone, with what version 4 does not know of x86 kernels: the traps of UBSAN and kCFI, shadow
// stacks, FRED, protection keys.
class InstructionDecoder {
 public:
  // Throws base::Error where capstone is not there, or was built without the machine.
  explicit InstructionDecoder(Machine machine);
  ~InstructionDecoder();
  InstructionDecoder(const InstructionDecoder&) = delete;
  InstructionDecoder& operator=(const InstructionDecoder&) = delete;

  // Bytes of the instruction at the start of bytes; 0 where there is none, or where it is not
  // complete.
  std::size_t size_at(std::string_view bytes) const;

  // The text of an instruction that size_at() found. A direct jump's target is what name gives for
  // its distance in bytes from the instruction's start.
  std::string text_at(std::string_view bytes,
                      const std::function<std::string(std::int64_t distance)>& name) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

} // namespace harness
