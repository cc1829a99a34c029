// What the compiler says about a function's stack frame (DWARF's .debug_frame).
#pragma once

#include <cstdint>
#include <optional>

#include <elfutils/libdw.h>

#include "harness/inspect/frame_registers.hpp"

namespace harness {

// The caller's registers by the frame's call frame information; nothing where there is none for its
// ip (assembly, modules), where it asks for a register that is not known, or where
// the stack cannot be read. cfi may be null.
std::optional<FrameRegisters> cfi_step(Dwarf_CFI* cfi, const FrameRegisters& frame,
                                       const ReadKernel& read);

} // namespace harness
