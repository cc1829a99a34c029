// The packed kernel inside a bzImage.
#pragma once

#include <string>
#include <string_view>

namespace vmm {

// Unpacks gzip, bzip2, lzma, xz, lz4 (the legacy frame that kernels use) or zstd, told apart by
// their first bytes (lzo is unknown to Debian's libarchive); the last four are the unpacked size
// (arch/x86/boot/compressed/mkpiggy.c). Throws base::Error where the packing is none of these or
// the bytes are damaged.
std::string unpack(std::string_view packed);

} // namespace vmm
