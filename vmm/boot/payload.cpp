#include "vmm/boot/payload.hpp"

#include <cstdint>
#include <cstring>
#include <memory>

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include "vmm/base/error.hpp"

namespace vmm {

namespace {

constexpr std::size_t block = 1 << 20;

// gzip's trailer, or what the kernel's build appends to the other packings.
std::size_t unpacked_size(std::string_view packed) {
  std::uint32_t size = 0;
  if (packed.size() < sizeof size)
    throw base::Error("cannot unpack: nothing is packed");
  std::memcpy(&size, packed.data() + packed.size() - sizeof size, sizeof size);
  return size;
}

struct ArchiveFree {
  void operator()(struct archive* archive) const { archive_read_free(archive); }
};

} // namespace

// libarchive's "raw" format: one entry, what its filter made of the bytes. The size behind them is
// not for it: it would take it for a damaged second member, and drop what it has of the first.
std::string unpack(std::string_view packed) {
  const std::size_t expected = unpacked_size(packed);
  const bool gzip = packed.substr(0, 2) == "\x1f\x8b"; // whose trailer is its own
  if (!gzip)
    packed.remove_suffix(sizeof(std::uint32_t));
  const std::unique_ptr<struct archive, ArchiveFree> reader(archive_read_new());
  for (const auto support : {archive_read_support_filter_gzip, archive_read_support_filter_bzip2,
                             archive_read_support_filter_lzma, archive_read_support_filter_xz,
                             archive_read_support_filter_lz4, archive_read_support_filter_zstd})
    support(reader.get());
  archive_read_support_format_raw(reader.get());
  struct archive_entry* entry = nullptr;
  if (archive_read_open_memory(reader.get(), packed.data(), packed.size()) != ARCHIVE_OK ||
      archive_read_next_header(reader.get(), &entry) != ARCHIVE_OK)
    throw base::Error(fmt::format("cannot unpack: {}", archive_error_string(reader.get())));
  if (archive_filter_count(reader.get()) < 2) // the last one is "none"
    throw base::Error("cannot unpack: the packing is unknown");
  std::string out;
  std::string buffer(block, '\0');
  for (;;) {
    const la_ssize_t n = archive_read_data(reader.get(), buffer.data(), buffer.size());
    if (n < 0)
      throw base::Error(
          fmt::format("cannot unpack: damaged: {}", archive_error_string(reader.get())));
    out.append(buffer, 0, static_cast<std::size_t>(n));
    if (out.size() > expected || (n == 0 && out.size() < expected))
      throw base::Error(
          fmt::format("cannot unpack: damaged: {} bytes, expected {}", out.size(), expected));
    if (n == 0)
      return out;
  }
}

} // namespace vmm
