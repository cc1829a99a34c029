#include "harness/backend/kernel_file.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <elf.h>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <unistd.h>

#include <fmt/format.h>

#include "vmm/base/error.hpp"
#include "vmm/base/fd.hpp"

namespace harness {

namespace {

constexpr std::uint32_t xen_phys32_entry = 18;
constexpr std::size_t max_notes = 1 << 16; // bytes; a kernel has some hundred

// At most size bytes; fewer where the file ends.
std::string read_at(const base::Fd& fd, std::uint64_t offset, std::size_t size,
                    const std::filesystem::path& path) {
  std::string bytes(size, '\0');
  const ssize_t n = ::pread(fd.get(), bytes.data(), size, static_cast<off_t>(offset));
  if (n < 0)
    throw base::SysError(errno, "read", path);
  bytes.resize(static_cast<std::size_t>(n));
  return bytes;
}

constexpr std::size_t aligned(std::size_t size) { return (size + 3) & ~std::size_t{3}; }

bool has_xen_note(std::string_view notes, std::uint32_t wanted) {
  Elf64_Nhdr header;
  while (notes.size() >= sizeof header) {
    std::memcpy(&header, notes.data(), sizeof header);
    const std::size_t name_at = sizeof header;
    const std::size_t end = name_at + aligned(header.n_namesz) + aligned(header.n_descsz);
    if (end > notes.size())
      return false;
    if (header.n_type == wanted && header.n_namesz == 4 &&
        notes.substr(name_at, 4) == std::string_view("Xen\0", 4))
      return true;
    notes.remove_prefix(end);
  }
  return false;
}

} // namespace

bool has_pvh_entry(const std::filesystem::path& vmlinux) {
  const base::Fd fd(::open(vmlinux.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd)
    throw base::SysError(errno, "open", vmlinux);
  Elf64_Ehdr header{};
  const std::string start = read_at(fd, 0, sizeof header, vmlinux);
  std::memcpy(&header, start.data(), start.size());
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_phentsize != sizeof(Elf64_Phdr))
    return false;
  const std::string table =
      read_at(fd, header.e_phoff, header.e_phnum * sizeof(Elf64_Phdr), vmlinux);
  for (std::size_t at = 0; at + sizeof(Elf64_Phdr) <= table.size(); at += sizeof(Elf64_Phdr)) {
    Elf64_Phdr segment;
    std::memcpy(&segment, table.data() + at, sizeof segment);
    if (segment.p_type != PT_NOTE || segment.p_filesz > max_notes)
      continue;
    if (has_xen_note(read_at(fd, segment.p_offset, segment.p_filesz, vmlinux), xen_phys32_entry))
      return true;
  }
  return false;
}

std::filesystem::path direct_boot_file(const BootSpec& spec) {
  if (!spec.vmlinux.empty() && has_pvh_entry(spec.vmlinux))
    return spec.vmlinux;
  if (!spec.bzimage.empty()) {
    if (::access(spec.bzimage.c_str(), R_OK) != 0)
      throw base::SysError(errno, "open", spec.bzimage);
    return spec.bzimage;
  }
  if (spec.vmlinux.empty())
    throw base::UsageError("no kernel given: expected a vmlinux or a bzImage");
  throw base::UsageError(fmt::format(
      "{}: QEMU cannot enter this file: expected an ELF vmlinux with CONFIG_PVH (v5.0 and later); "
      "give the bzImage of the same build",
      spec.vmlinux.string()));
}

} // namespace harness
