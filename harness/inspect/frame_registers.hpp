// The registers of one frame of a stack, as far as they are known.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "harness/backend/backend.hpp"

namespace harness {

// Copies from a kernel-virtual address; false where not all of it can be read. The guest may run:
// the same bytes may differ the next time.
using ReadKernel = std::function<bool(std::uint64_t address, std::span<std::uint8_t> to)>;

// By their numbers in instructions, as CpuRegisters::general.
enum GeneralRegister : unsigned { rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r10 = 10, r13 = 13 };

struct FrameRegisters {
  std::uint64_t ip = 0;
  bool exact =
      false; // ip is of an instruction that was interrupted, not one that a call returns to
  std::array<std::optional<std::uint64_t>, 16> general; // nothing: not known in this frame
};

FrameRegisters frame_of(const CpuRegisters& cpu);

// Eight bytes, little-endian; nothing where they cannot be read.
std::optional<std::uint64_t> read_word(const ReadKernel& read, std::uint64_t address);

// The upper half of the address space.
constexpr bool is_kernel_address(std::uint64_t address) { return address >> 47 == 0x1ffff; }

// What an interrupt or a system call left on the stack (struct pt_regs in
// arch/x86/include/asm/ptrace.h).
struct InterruptedFrame {
  FrameRegisters registers;
  bool user = false; // it came from user space: the stack ends here
};

// All of a struct pt_regs at address; nothing where it cannot be read.
std::optional<InterruptedFrame> read_pt_regs(const ReadKernel& read, std::uint64_t address);

// Only what the CPU itself pushed: ip, cs, flags, sp, ss at address.
std::optional<InterruptedFrame> read_interrupt_frame(const ReadKernel& read, std::uint64_t address);

} // namespace harness
