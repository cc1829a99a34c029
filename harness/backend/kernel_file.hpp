// What a machine can boot directly.
#pragma once

#include <filesystem>

#include "harness/backend/backend.hpp"

namespace harness {

// Whether an ELF vmlinux has the note XEN_ELFNOTE_PHYS32_ENTRY (xen/include/public/elfnote.h),
// which kernels with CONFIG_PVH have and QEMU needs to enter them. False for any other file. Throws
// base::SysError where it cannot be read.
bool has_pvh_entry(const std::filesystem::path& vmlinux);

// The file QEMU is to load: vmlinux where it can be entered, else the bzImage. Throws
// base::UsageError where neither can be.
std::filesystem::path direct_boot_file(const BootSpec& spec);

} // namespace harness
