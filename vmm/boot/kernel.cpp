#include "vmm/boot/kernel.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "vmm/base/error.hpp"
#include "vmm/base/fd.hpp"
#include "vmm/base/files.hpp"
#include "vmm/base/log.hpp"
#include "vmm/boot/elf.hpp"
#include "vmm/boot/layout.hpp"
#include "vmm/boot/payload.hpp"

namespace vmm {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t header_offset = 0x1f1;       // of struct setup_header in a bzImage
constexpr std::uint32_t header_magic = 0x53726448; // "HdrS"
constexpr std::size_t sector = 512;
constexpr std::uint64_t entry_offset = 0x200; // of the 64-bit entry in the protected-mode part

base::Fd open_file(const fs::path& file) {
  base::Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd)
    throw base::SysError(errno, "open", file);
  return fd;
}

std::uint64_t size_of(const base::Fd& fd, const fs::path& file) {
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0)
    throw base::SysError(errno, "fstat", file);
  return static_cast<std::uint64_t>(st.st_size);
}

void read_all(const base::Fd& fd, std::uint64_t offset, std::span<std::uint8_t> to,
              const fs::path& file) {
  while (!to.empty()) {
    const ssize_t n = ::pread(fd.get(), to.data(), to.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      throw base::SysError(errno, "read", file);
    if (n == 0)
      throw base::UsageError(fmt::format("{}: cut while it was read", file.string()));
    to = to.subspan(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
}

// A bzImage, taken apart (Documentation/arch/x86/boot.rst).
struct BzImage {
  struct setup_header header {};
  std::string_view system; // the protected-mode part: unpacker and packed kernel
  std::string_view packed; // in it; empty before boot protocol 2.08
};

bool is_bzimage(std::string_view bytes) {
  struct setup_header header;
  if (bytes.size() < header_offset + sizeof header)
    return false;
  std::memcpy(&header, bytes.data() + header_offset, sizeof header);
  return header.header == header_magic;
}

// Only as much of the header as the file says it has; the rest is zero.
BzImage take_apart(std::string_view bytes, const fs::path& file) {
  BzImage image;
  const std::size_t header_end = 0x202 + static_cast<std::uint8_t>(bytes[0x201]);
  const std::size_t header_size = std::min(header_end - header_offset, sizeof image.header);
  std::memcpy(&image.header, bytes.data() + header_offset, header_size);
  if ((image.header.loadflags & LOADED_HIGH) == 0)
    throw base::UsageError(
        fmt::format("{}: a zImage (loaded low); expected a bzImage", file.string()));
  const unsigned sectors = image.header.setup_sects == 0 ? 4 : image.header.setup_sects;
  const std::size_t system_at = (sectors + 1) * sector;
  if (system_at >= bytes.size())
    throw base::UsageError(fmt::format("{}: cut: it ends in its setup code", file.string()));
  image.system = bytes.substr(system_at);
  if (image.header.version >= 0x208) {
    const std::uint64_t at = image.header.payload_offset;
    const std::uint64_t length = image.header.payload_length;
    if (at > image.system.size() || length > image.system.size() - at)
      throw base::UsageError(fmt::format("{}: cut: its packed kernel ends at {} and the file at {}",
                                         file.string(), system_at + at + length, bytes.size()));
    image.packed = image.system.substr(at, length);
  }
  return image;
}

std::optional<std::string> unpacked(const BzImage& image, const fs::path& file) {
  if (image.packed.empty())
    return std::nullopt;
  try {
    std::string kernel = unpack(image.packed);
    if (is_elf(kernel))
      return kernel;
    base::log("vmm", base::LogLevel::info, "{}: what is packed in it is no ELF file",
              file.string());
  } catch (const base::Error& error) {
    base::log("vmm", base::LogLevel::info, "{}: {}", file.string(), error.what());
  }
  return std::nullopt;
}

// The bzImage unpacks itself in the guest, in place: it needs init_size bytes from where it lies.
LoadedKernel load_packed(const BzImage& image, const GuestMemory& memory, const fs::path& file) {
  const struct setup_header& header = image.header;
  if (header.version < 0x20c || (header.xloadflags & XLF_KERNEL_64) == 0)
    throw base::UsageError(fmt::format(
        "{}: no 64-bit entry (boot protocol {}.{:02}); expected an x86-64 bzImage of v3.8 or later",
        file.string(), header.version >> 8, header.version & 0xff));
  const std::uint64_t at = header.pref_address;
  const std::uint64_t room = memory.low().host.size();
  const std::uint64_t need = std::max<std::uint64_t>(header.init_size, image.system.size());
  if (at < high_ram_start || at > room || need > room - at)
    throw base::UsageError(
        fmt::format("{}: needs memory up to {} MiB and the guest has {}; give it more memory",
                    file.string(), (at + need + 0xfffff) >> 20, room >> 20));
  memory.write(at, image.system);
  return {at + entry_offset, at + need, header};
}

LoadedKernel load_bzimage(std::string_view bytes, const GuestMemory& memory, const fs::path& file) {
  const BzImage image = take_apart(bytes, file);
  const std::optional<std::string> kernel = unpacked(image, file);
  if (!kernel)
    return load_packed(image, memory, file);
  const ReadAt read_at = [&kernel](std::uint64_t offset, std::span<std::uint8_t> to) {
    ASSERT(offset <= kernel->size() && to.size() <= kernel->size() - offset);
    std::memcpy(to.data(), kernel->data() + offset, to.size());
  };
  LoadedKernel loaded = load_elf(read_at, kernel->size(), memory, file);
  loaded.header = image.header;
  return loaded;
}

[[noreturn]] void reject(const fs::path& file) {
  throw base::UsageError(
      fmt::format("{}: not a kernel; expected an ELF vmlinux or a bzImage", file.string()));
}

} // namespace

LoadedKernel load_kernel(const fs::path& file, const GuestMemory& memory) {
  const base::Fd fd = open_file(file);
  const std::uint64_t size = size_of(fd, file);
  std::string magic(std::min<std::uint64_t>(size, 4), '\0');
  read_all(fd, 0, {reinterpret_cast<std::uint8_t*>(magic.data()), magic.size()}, file);
  if (is_elf(magic))
    return load_elf(
        [&](std::uint64_t offset, std::span<std::uint8_t> to) { read_all(fd, offset, to, file); },
        size, memory, file);
  const std::string bytes = base::read_file(file);
  if (!is_bzimage(bytes))
    reject(file);
  return load_bzimage(bytes, memory, file);
}

std::optional<std::string> unpack_bzimage(const fs::path& file) {
  const std::string bytes = base::read_file(file);
  if (!is_bzimage(bytes))
    reject(file);
  return unpacked(take_apart(bytes, file), file);
}

} // namespace vmm
