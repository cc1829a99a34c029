// Kernels unpacked once.
#pragma once

#include <filesystem>

namespace harness {

// The vmlinux inside a bzImage, unpacked into the cache at the first call for that file (known by
// device, inode, size and times) and found there later; the bzImage itself where nothing in it can
// be unpacked, or where the cache cannot be written (logged). The oldest of more than 8 are
// removed. Throws as vmm::unpack_bzimage.
std::filesystem::path unpacked_kernel(const std::filesystem::path& bzimage,
                                      const std::filesystem::path& cache);

} // namespace harness
