#include "vmm/boot/memory_image.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"

namespace vmm {

namespace {

constexpr std::uint64_t most_own_pages = (64u << 20) / page_size;

base::Fd make_memory_file(std::uint64_t size) {
  base::Fd fd(::memfd_create("guest memory", MFD_CLOEXEC));
  if (!fd)
    throw base::SysError(errno, "memfd_create", "");
  if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0)
    throw base::SysError(errno, "ftruncate", "guest memory");
  return fd;
}

bool is_zero(const std::uint8_t* page) {
  std::array<std::uint64_t, 64> block;
  for (std::uint64_t at = 0; at < page_size; at += sizeof block) {
    std::memcpy(block.data(), page + at, sizeof block);
    std::uint64_t any = 0;
    for (const std::uint64_t word : block)
      any |= word;
    if (any != 0)
      return false;
  }
  return true;
}

// Whether each page of the memory was ever touched. Where the host does not tell: all of them.
std::vector<unsigned char> touched_pages(std::span<std::uint8_t> memory) {
  std::vector<unsigned char> touched(memory.size() / page_size, 1);
  if (::mincore(memory.data(), memory.size(), touched.data()) != 0)
    std::fill(touched.begin(), touched.end(), std::uint8_t{1});
  return touched;
}

std::vector<PageRun> used_pages(std::span<std::uint8_t> memory) {
  const std::vector<unsigned char> touched = touched_pages(memory);
  std::vector<PageRun> runs;
  for (std::uint64_t page = 0; page < touched.size(); ++page) {
    if ((touched[page] & 1) == 0 || is_zero(memory.data() + page * page_size))
      continue;
    if (!runs.empty() && runs.back().first + runs.back().count == page)
      ++runs.back().count;
    else
      runs.push_back({page, 1});
  }
  return runs;
}

// Calls with each page that the mapping no longer shares with its file
// (Documentation/admin-guide/mm/pagemap.rst). False where the host does not tell.
template<class Function>
bool for_own_pages(std::span<std::uint8_t> memory, const Function& function) {
  constexpr std::uint64_t present = 1ULL << 63;
  constexpr std::uint64_t swapped = 1ULL << 62;
  constexpr std::uint64_t of_file = 1ULL << 61;
  const base::Fd map(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  if (!map)
    return false;
  const std::uint64_t base = reinterpret_cast<std::uintptr_t>(memory.data()) / page_size;
  const std::uint64_t pages = memory.size() / page_size;
  std::vector<std::uint64_t> entries(8192);
  for (std::uint64_t page = 0; page < pages;) {
    const std::size_t wanted = std::min<std::uint64_t>(entries.size(), pages - page);
    const ssize_t got = ::pread(map.get(), entries.data(), wanted * sizeof entries[0],
                                static_cast<off_t>((base + page) * sizeof entries[0]));
    if (got <= 0)
      return false;
    for (std::size_t i = 0; i < static_cast<std::size_t>(got) / sizeof entries[0]; ++i, ++page)
      if ((entries[i] & swapped) != 0 || (entries[i] & (present | of_file)) == present)
        function(page);
  }
  return true;
}

} // namespace

MemoryImage::MemoryImage(const GuestMemory& memory)
    : MemoryImage(make_memory_file(memory.size()), 0, memory.size(), used_pages(memory.all())) {
  for (const PageRun& run : runs_)
    base::write_at(fd_, memory.all().subspan(run.first * page_size, run.count * page_size),
                   run.first * page_size, "guest memory");
}

MemoryImage::MemoryImage(base::Fd fd, std::uint64_t offset, std::uint64_t size,
                         std::vector<PageRun> runs)
    : fd_(std::move(fd)), offset_(offset), size_(size), runs_(std::move(runs)),
      held_(size / page_size),
      view_(base::Mapping::copy_on_write(fd_, size, "guest memory", offset)) {
  for (const PageRun& run : runs_)
    std::fill_n(held_.begin() + static_cast<std::ptrdiff_t>(run.first), run.count, true);
}

std::span<const std::uint8_t> MemoryImage::bytes_of(const PageRun& run) const {
  return {view_.data() + run.first * page_size, run.count * page_size};
}

GuestMemory MemoryImage::copy() const {
  return GuestMemory(base::Mapping::copy_on_write(fd_, size_, "guest memory", offset_));
}

void MemoryImage::put_back(const GuestMemory& memory) const {
  const std::span<std::uint8_t> all = memory.all();
  ASSERT(all.size() == size_);
  std::uint64_t own = 0;
  const bool told = for_own_pages(all, [&](std::uint64_t page) {
    if (++own > most_own_pages)
      return;
    if (held_[page])
      std::memcpy(all.data() + page * page_size, view_.data() + page * page_size, page_size);
    else
      std::memset(all.data() + page * page_size, 0, page_size);
  });
  if (told && own <= most_own_pages)
    return;
  if (::madvise(all.data(), all.size(), MADV_DONTNEED) != 0)
    throw base::SysError(errno, "madvise", "guest memory");
}

} // namespace vmm
