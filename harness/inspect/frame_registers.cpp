#include "harness/inspect/frame_registers.hpp"

#include <cstddef>

namespace harness {

namespace {

constexpr std::uint64_t ring_mask = 3;

template<std::size_t Count>
std::optional<std::array<std::uint64_t, Count>> read_words(const ReadKernel& read,
                                                           std::uint64_t address) {
  std::array<std::uint8_t, Count * 8> bytes{};
  if (!read(address, bytes))
    return std::nullopt;
  std::array<std::uint64_t, Count> words{};
  for (std::size_t i = 0; i < bytes.size(); ++i)
    words[i / 8] |= std::uint64_t{bytes[i]} << (8 * (i % 8));
  return words;
}

// words: ip, cs, flags, sp, ss.
void take_interrupt(std::span<const std::uint64_t, 5> words, InterruptedFrame& frame) {
  frame.registers.ip = words[0];
  frame.registers.exact = true;
  frame.registers.general[rsp] = words[3];
  frame.user = (words[1] & ring_mask) != 0;
}

} // namespace

FrameRegisters frame_of(const CpuRegisters& cpu) {
  FrameRegisters frame;
  frame.ip = cpu.rip;
  frame.exact = true;
  for (std::size_t i = 0; i < cpu.general.size(); ++i)
    frame.general[i] = cpu.general[i];
  return frame;
}

std::optional<std::uint64_t> read_word(const ReadKernel& read, std::uint64_t address) {
  const auto words = read_words<1>(read, address);
  return words ? std::optional((*words)[0]) : std::nullopt;
}

std::optional<InterruptedFrame> read_pt_regs(const ReadKernel& read, std::uint64_t address) {
  // In their order in struct pt_regs; after them orig_ax.
  constexpr std::array<unsigned, 15> order{15, 14, 13,  12,  rbp, rbx, 11, 10,
                                           9,  8,  rax, rcx, rdx, rsi, rdi};
  const auto words = read_words<21>(read, address);
  if (!words)
    return std::nullopt;
  InterruptedFrame frame;
  for (std::size_t i = 0; i < order.size(); ++i)
    frame.registers.general[order[i]] = (*words)[i];
  take_interrupt(std::span(*words).subspan<16, 5>(), frame);
  return frame;
}

std::optional<InterruptedFrame> read_interrupt_frame(const ReadKernel& read,
                                                     std::uint64_t address) {
  const auto words = read_words<5>(read, address);
  if (!words)
    return std::nullopt;
  InterruptedFrame frame;
  take_interrupt(*words, frame);
  return frame;
}

} // namespace harness
