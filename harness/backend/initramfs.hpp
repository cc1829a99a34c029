// The guest's first file system, made in memory.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace harness {

// A file of the host that goes into the initramfs at the given absolute path.
struct ExtraFile {
  std::filesystem::path source;
  std::string target;
};

// A newc cpio (Documentation/driver-api/early-userspace/buffer-format.rst) with the agent as /init,
// /dev, /proc, /sys, a /dev/console node, and the extra files. The same input gives the same bytes.
// Throws base::Error where a source cannot be read.
std::string make_initramfs(std::string_view agent, const std::vector<ExtraFile>& extra);

} // namespace harness
