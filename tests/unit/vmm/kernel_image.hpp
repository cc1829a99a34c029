// Kernel files made by hand, as small as they can be.
#pragma once

#include <array>
#include <asm/bootparam.h>
#include <cstdint>
#include <cstring>
#include <elf.h>
#include <string>
#include <string_view>

#include <archive.h>
#include <archive_entry.h>

#include "vmm/base/error.hpp"

namespace test {

template<class T> void append(std::string& bytes, const T& value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// A vmlinux of one segment, at 16 MiB, entered 16 bytes behind its start. bytes() after any change.
struct Vmlinux {
  static constexpr std::uint64_t address = 16u << 20;

  explicit Vmlinux(std::string code = "the kernel's code and data") : text(std::move(code)) {
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_type = ET_EXEC;
    header.e_machine = EM_X86_64;
    header.e_entry = address + 16;
    header.e_phoff = sizeof header;
    header.e_phentsize = sizeof segment;
    header.e_phnum = 1;
    segment.p_type = PT_LOAD;
    segment.p_offset = sizeof header + sizeof segment;
    segment.p_vaddr = 0xffffffff81000000;
    segment.p_paddr = address;
    segment.p_filesz = text.size();
    segment.p_memsz = text.size() + 8192;
  }

  std::string bytes() const {
    std::string all;
    append(all, header);
    append(all, segment);
    return all + text;
  }

  Elf64_Ehdr header{};
  Elf64_Phdr segment{};
  std::string text;
};

using AddFilter = int (*)(struct archive*);

// Packed by libarchive, without the size that a kernel's build appends to all but gzip.
inline std::string packed(std::string_view bytes, AddFilter add_filter) {
  std::string out(bytes.size() + (1 << 20), '\0');
  std::size_t used = 0;
  struct archive* writer = archive_write_new();
  struct archive_entry* entry = archive_entry_new();
  archive_entry_set_pathname(entry, "data");
  archive_entry_set_filetype(entry, AE_IFREG);
  archive_write_set_format_raw(writer);
  const bool ok = add_filter(writer) == ARCHIVE_OK &&
                  archive_write_open_memory(writer, out.data(), out.size(), &used) == ARCHIVE_OK &&
                  archive_write_header(writer, entry) == ARCHIVE_OK &&
                  archive_write_data(writer, bytes.data(), bytes.size()) ==
                      static_cast<la_ssize_t>(bytes.size()) &&
                  archive_write_close(writer) == ARCHIVE_OK;
  archive_entry_free(entry);
  archive_write_free(writer);
  ASSERT(ok);
  out.resize(used);
  return out;
}

inline std::string gzip(std::string_view bytes) {
  return packed(bytes, archive_write_add_filter_gzip);
}

// A bzImage: one sector of setup code, then 1 KiB of unpacker, the payload, and some more.
struct BzImage {
  static constexpr std::uint64_t address = 16u << 20;
  static constexpr std::size_t unpacker = 1024;

  explicit BzImage(std::string packed_kernel) : payload(std::move(packed_kernel)) {
    header.setup_sects = 1;
    header.boot_flag = 0xaa55;
    header.jump = 0x6aeb; // over the header, which ends at 0x202 + 0x6a
    header.header = 0x53726448;
    header.version = 0x20f;
    header.loadflags = LOADED_HIGH;
    header.initrd_addr_max = 0x7fffffff;
    header.xloadflags = XLF_KERNEL_64;
    header.payload_offset = unpacker;
    header.payload_length = static_cast<std::uint32_t>(payload.size());
    header.pref_address = address;
    header.init_size = 1 << 20;
  }

  std::string bytes() const {
    std::string all(0x1f1, '\0');
    append(all, header);
    all.resize(1024);
    return all + std::string(unpacker, 'U') + payload + std::string(512, 'E');
  }

  struct setup_header header {};
  std::string payload;
};

} // namespace test
