// A kernel file into guest memory.
#pragma once

#include <asm/bootparam.h>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "vmm/boot/guest_memory.hpp"

namespace vmm {

struct LoadedKernel {
  std::uint64_t entry = 0; // guest-physical: the 64-bit entry (Documentation/arch/x86/boot.rst)
  std::uint64_t end = 0;   // first address behind all that the kernel claims
  // What a bzImage says of itself; nothing for an ELF file.
  std::optional<struct setup_header> header;
};

// Loads an ELF vmlinux, or a bzImage: the vmlinux inside it, unpacked here whatever its packing, or
// else the bzImage's own 64-bit entry. Throws base::UsageError, with the file's name, for a file
// that is neither, is cut, is for another machine, has no 64-bit entry, or does not fit into the
// memory; base::SysError where it cannot be read.
LoadedKernel load_kernel(const std::filesystem::path& file, const GuestMemory& memory);

// The vmlinux packed inside a bzImage; nothing where it holds none that can be unpacked. Throws as
// load_kernel.
std::optional<std::string> unpack_bzimage(const std::filesystem::path& file);

} // namespace vmm
