#include "vmm/boot/elf.hpp"

#include <algorithm>
#include <elf.h>
#include <vector>

#include <fmt/format.h>

#include "vmm/base/error.hpp"
#include "vmm/boot/layout.hpp"

namespace vmm {

namespace {

constexpr std::size_t max_segments = 128; // a vmlinux has 4 to 6

[[noreturn]] void reject(const std::string& name, const std::string& what) {
  throw base::UsageError(fmt::format("{}: {}", name, what));
}

template<class T> std::span<std::uint8_t> bytes_of(T* values, std::size_t count) {
  return {reinterpret_cast<std::uint8_t*>(values), count * sizeof *values};
}

void check_header(const Elf64_Ehdr& header, std::uint64_t size, const std::string& name) {
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != EM_X86_64)
    reject(name, fmt::format("an ELF file for another machine (class {}, machine {}); expected a "
                             "vmlinux for x86-64",
                             unsigned{header.e_ident[EI_CLASS]}, header.e_machine));
  if (header.e_type != ET_EXEC && header.e_type != ET_DYN)
    reject(name, "an ELF file that is no program (a module or an object?); expected a vmlinux");
  if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum == 0 ||
      header.e_phnum > max_segments || header.e_phoff > size ||
      header.e_phnum * sizeof(Elf64_Phdr) > size - header.e_phoff)
    reject(name, "cut or damaged: its program headers are outside the file");
}

void check_segment(const Elf64_Phdr& segment, std::uint64_t size, const GuestMemory& memory,
                   const std::string& name) {
  if (segment.p_filesz > segment.p_memsz || segment.p_offset > size ||
      segment.p_filesz > size - segment.p_offset)
    reject(name, "cut or damaged: a segment lies outside the file");
  const std::uint64_t room = memory.low().host.size();
  if (segment.p_paddr < high_ram_start)
    reject(name,
           fmt::format("a segment is for address {:#x}; expected 1 MiB or above", segment.p_paddr));
  if (segment.p_paddr > room || segment.p_memsz > room - segment.p_paddr)
    reject(name, fmt::format("needs memory up to {} MiB and the guest has {}; give it more memory",
                             (segment.p_paddr + segment.p_memsz + 0xfffff) >> 20, room >> 20));
}

} // namespace

bool is_elf(std::string_view bytes) { return bytes.substr(0, SELFMAG) == ELFMAG; }

LoadedKernel load_elf(const ReadAt& read_at, std::uint64_t size, const GuestMemory& memory,
                      const std::string& name) {
  Elf64_Ehdr header;
  if (size < sizeof header)
    reject(name, "cut: shorter than an ELF header");
  read_at(0, bytes_of(&header, 1));
  check_header(header, size, name);
  std::vector<Elf64_Phdr> segments(header.e_phnum);
  read_at(header.e_phoff, bytes_of(segments.data(), segments.size()));

  LoadedKernel kernel;
  bool entered = false;
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type != PT_LOAD || segment.p_memsz == 0)
      continue;
    check_segment(segment, size, memory, name);
    read_at(segment.p_offset, memory.at(segment.p_paddr, segment.p_filesz));
    kernel.end = std::max(kernel.end, segment.p_paddr + segment.p_memsz);
    entered = entered || (header.e_entry >= segment.p_paddr &&
                          header.e_entry < segment.p_paddr + segment.p_filesz);
  }
  if (!entered)
    reject(name,
           fmt::format("its entry {:#x} is in none of its segments; expected a vmlinux, whose "
                       "entry is a physical address",
                       header.e_entry));
  kernel.entry = header.e_entry;
  return kernel;
}

} // namespace vmm
