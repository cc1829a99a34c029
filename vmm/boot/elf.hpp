// ELF kernels (System V ABI, chapter 5).
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "vmm/boot/kernel.hpp"

namespace vmm {

bool is_elf(std::string_view bytes);

// Reads bytes of the file from an offset on into a span, all of it or throw.
using ReadAt = std::function<void(std::uint64_t offset, std::span<std::uint8_t> to)>;

// Loads the segments at their physical addresses; the entry is e_entry. size: bytes of the file.
// name: for messages. Throws base::UsageError as load_kernel.
LoadedKernel load_elf(const ReadAt& read_at, std::uint64_t size, const GuestMemory& memory,
                      const std::string& name);

} // namespace vmm
