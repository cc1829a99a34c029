#include "harness/backend/kernel_cache.hpp"

#include <algorithm>
#include <cerrno>
#include <string>
#include <sys/stat.h>
#include <vector>

#include <fmt/format.h>

#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"
#include "vmm/base/log.hpp"
#include "vmm/boot/kernel.hpp"

namespace harness {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kept = 8;

// ctime as well: a file that was replaced and given its old mtime is another one.
std::string identity(const fs::path& file) {
  struct stat st {};
  if (::stat(file.c_str(), &st) != 0)
    throw base::SysError(errno, "stat", file);
  return fmt::format("{:x}-{:x}-{:x}-{:x}.{:x}-{:x}.{:x}", st.st_dev, st.st_ino, st.st_size,
                     st.st_mtim.tv_sec, st.st_mtim.tv_nsec, st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
}

// Never the new one: the clock may have been ahead when the others were made.
void remove_oldest(const fs::path& folder, const fs::path& made) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    if (entry.path() != made)
      files.push_back(entry.path());
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
    return fs::last_write_time(a) > fs::last_write_time(b);
  });
  for (std::size_t i = kept - 1; i < files.size(); ++i)
    fs::remove(files[i]);
}

} // namespace

fs::path unpacked_kernel(const fs::path& bzimage, const fs::path& cache) {
  const fs::path folder = cache / "vmlinux";
  const fs::path file = folder / identity(bzimage);
  std::error_code ignored;
  if (fs::exists(file, ignored))
    return file;
  const std::optional<std::string> kernel = vmm::unpack_bzimage(bzimage);
  if (!kernel)
    return bzimage;
  try {
    base::write_file(file, *kernel);
    remove_oldest(folder, file);
    return file;
  } catch (const std::exception& error) {
    base::log("backend", base::LogLevel::warn, "unpacked kernel not kept: {}", error.what());
    return bzimage;
  }
}

} // namespace harness
