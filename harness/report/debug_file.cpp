#include "harness/report/debug_file.hpp"

#include <cerrno>
#include <unordered_map>
#include <utility>

#include <elfutils/libdwelf.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "vmm/base/error.hpp"
#include "vmm/base/fd.hpp"

namespace harness {

namespace {

struct EndElf {
  void operator()(Elf* elf) const { elf_end(elf); }
};
struct EndDwarf {
  void operator()(Dwarf* dwarf) const { dwarf_end(dwarf); }
};
struct EndDwfl {
  void operator()(Dwfl* dwfl) const { dwfl_end(dwfl); }
};

base::Fd open_file(const std::filesystem::path& path) {
  base::Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd)
    throw base::SysError(errno, "open", path);
  return fd;
}

std::unique_ptr<Elf, EndElf> open_elf(const base::Fd& fd, const std::filesystem::path& path) {
  elf_version(EV_CURRENT);
  std::unique_ptr<Elf, EndElf> elf(elf_begin(fd.get(), ELF_C_READ_MMAP, nullptr));
  if (!elf || elf_kind(elf.get()) != ELF_K_ELF)
    throw base::Error(
        fmt::format("{}: not an ELF file; expected a vmlinux or a module with debug information",
                    path.string()));
  return elf;
}

bool has_units(Dwarf* dwarf) {
  Dwarf_Off next = 0;
  std::size_t header = 0;
  return dwarf && dwarf_nextcu(dwarf, 0, &next, &header, nullptr, nullptr, nullptr) == 0;
}

[[noreturn]] void no_dwarf(const std::filesystem::path& path) {
  throw base::Error(fmt::format("{}: no usable DWARF ({}); build the kernel with CONFIG_DEBUG_INFO "
                                "and without zstd-compressed sections",
                                path.string(), dwarf_errmsg(-1)));
}

// Nothing beside the file itself is looked for, on disk or in the network.
int find_no_debuginfo(Dwfl_Module*, void**, const char*, Dwarf_Addr, const char*, const char*,
                      GElf_Word, char**) {
  return -1;
}

const Dwfl_Callbacks callbacks = {nullptr, find_no_debuginfo, dwfl_offline_section_address,
                                  nullptr};

// A section by its name; empty where there is none, or where it is compressed.
ElfSection find_section(Elf* elf, std::string_view wanted) {
  std::size_t names = 0;
  if (elf_getshdrstrndx(elf, &names) != 0)
    return {};
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section)) != nullptr;) {
    GElf_Shdr header;
    if (!gelf_getshdr(section, &header) || header.sh_type == SHT_NOBITS ||
        (header.sh_flags & SHF_COMPRESSED) != 0)
      continue;
    const char* name = elf_strptr(elf, names, header.sh_name);
    Elf_Data* data = name && name == wanted ? elf_rawdata(section, nullptr) : nullptr;
    if (data && data->d_buf)
      return {{static_cast<const char*>(data->d_buf), data->d_size}, header.sh_addr};
  }
  return {};
}

std::string_view section_bytes(Elf* elf, std::string_view wanted) {
  return find_section(elf, wanted).bytes;
}

// The bytes of a linked file at an address, to the end of their section; empty where it has none.
std::string_view bytes_at(Elf* elf, std::uint64_t address) {
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section)) != nullptr;) {
    GElf_Shdr header;
    if (!gelf_getshdr(section, &header) || header.sh_type == SHT_NOBITS ||
        (header.sh_flags & SHF_ALLOC) == 0 || address < header.sh_addr ||
        address - header.sh_addr >= header.sh_size)
      continue;
    Elf_Data* data = elf_rawdata(section, nullptr);
    if (!data || !data->d_buf)
      return {};
    std::string_view bytes(static_cast<const char*>(data->d_buf), data->d_size);
    return bytes.substr(address - header.sh_addr);
  }
  return {};
}

std::string word_after(std::string_view text, std::string_view label) {
  std::size_t at = text.find(label);
  if (at == std::string_view::npos)
    return {};
  text.remove_prefix(at + label.size());
  return std::string(text.substr(0, text.find_first_of(std::string_view(" \0", 2))));
}

} // namespace

struct DebugFile::State {
  explicit State(const std::filesystem::path& path) : fd(open_file(path)), elf(open_elf(fd, path)) {
    GElf_Ehdr header;
    if (gelf_getehdr(elf.get(), &header) && header.e_type == ET_REL)
      open_module(path);
    else
      open_linked(path);
    if (symbols.empty())
      throw base::Error(
          fmt::format("{}: no symbols; expected a file that was not stripped", path.string()));
  }

  void open_linked(const std::filesystem::path& path) {
    own_dwarf.reset(dwarf_begin_elf(elf.get(), DWARF_C_READ, nullptr));
    dwarf = own_dwarf.get();
    if (!has_units(dwarf))
      no_dwarf(path);
    lines = {section_bytes(elf.get(), ".debug_line"), section_bytes(elf.get(), ".debug_line_str"),
             section_bytes(elf.get(), ".debug_str")};
    symbols = SymbolTable(read_symbols(elf.get()));
  }

  void open_module(const std::filesystem::path& path) {
    dwfl.reset(dwfl_begin(&callbacks));
    base::Fd copy(fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
    if (!copy)
      throw base::SysError(errno, "fcntl", path);
    Dwfl_Module* module =
        dwfl ? dwfl_report_offline(dwfl.get(), "module", path.c_str(), copy.get()) : nullptr;
    if (!module)
      throw base::Error(fmt::format("{}: {}", path.string(), dwfl_errmsg(-1)));
    copy.release(); // libdw's now
    dwfl_report_end(dwfl.get(), nullptr, nullptr);
    dwarf = dwfl_module_getdwarf(module, &bias);
    if (!has_units(dwarf))
      no_dwarf(path);
    symbols = SymbolTable(module_symbols(module));
  }

  static std::vector<ElfSymbol> module_symbols(Dwfl_Module* module) {
    std::vector<ElfSymbol> all;
    for (int i = 0, count = dwfl_module_getsymtab(module); i < count; ++i) {
      GElf_Sym symbol;
      GElf_Addr address = 0;
      GElf_Word section = SHN_UNDEF;
      const char* name =
          dwfl_module_getsym_info(module, i, &symbol, &address, &section, nullptr, nullptr);
      if (section != SHN_UNDEF && is_listed(symbol, name))
        all.push_back({address, symbol.st_size, name, GELF_ST_TYPE(symbol.st_info) != STT_OBJECT});
    }
    return all;
  }

  base::Fd fd;
  std::unique_ptr<Elf, EndElf> elf;
  std::unique_ptr<Dwarf, EndDwarf> own_dwarf; // of a linked file
  std::unique_ptr<Dwfl, EndDwfl> dwfl;        // of a module: owns its DWARF
  Dwarf* dwarf = nullptr;
  Dwarf_Addr bias = 0; // what libdw adds to the DWARF's addresses for those of the symbols
  LineSections lines;  // empty for a module, whose sections libdw relocates
  SymbolTable symbols;
  std::unordered_map<std::uint64_t, std::vector<DwarfFrame>> frames; // that were asked for
};

DebugFile::DebugFile(const std::filesystem::path& path) : state_(std::make_unique<State>(path)) {}
DebugFile::DebugFile(DebugFile&&) noexcept = default;
DebugFile& DebugFile::operator=(DebugFile&&) noexcept = default;
DebugFile::~DebugFile() = default;

const SymbolTable& DebugFile::symbols() const { return state_->symbols; }

std::vector<DwarfFrame> DebugFile::frames_at(std::uint64_t address) const {
  auto known = state_->frames.find(address);
  if (known == state_->frames.end())
    known = state_->frames
                .emplace(address,
                         harness::frames_at(state_->dwarf, state_->lines, address - state_->bias))
                .first;
  return known->second;
}

DwarfFrame DebugFile::line_at(std::uint64_t address) const {
  return harness::line_at(state_->dwarf, state_->lines, address - state_->bias);
}

std::string_view DebugFile::code_at(std::uint64_t address) const {
  return state_->dwfl ? std::string_view() : bytes_at(state_->elf.get(), address);
}

std::vector<ElfSegment> DebugFile::segments() const {
  std::vector<ElfSegment> segments;
  std::size_t count = 0;
  if (state_->dwfl || elf_getphdrnum(state_->elf.get(), &count) != 0)
    return segments;
  for (std::size_t i = 0; i < count; ++i) {
    GElf_Phdr header;
    if (gelf_getphdr(state_->elf.get(), static_cast<int>(i), &header) && header.p_type == PT_LOAD)
      segments.push_back({header.p_vaddr, header.p_paddr, header.p_memsz});
  }
  return segments;
}

Dwarf* DebugFile::dwarf() const { return state_->dwarf; }

std::string_view DebugFile::debug_names() const { return state_->lines.str; }

ElfSection DebugFile::section(std::string_view name) const {
  return state_->dwfl ? ElfSection() : find_section(state_->elf.get(), name);
}

std::string DebugFile::build_id() const {
  const void* bits = nullptr;
  ssize_t count = dwelf_elf_gnu_build_id(state_->elf.get(), &bits);
  std::string text;
  for (ssize_t i = 0; i < count; ++i)
    text += fmt::format("{:02x}", static_cast<const unsigned char*>(bits)[i]);
  return text;
}

std::string DebugFile::release() const {
  if (state_->dwfl)
    return word_after(section_bytes(state_->elf.get(), ".modinfo"), "vermagic=");
  const ElfSymbol* banner = state_->symbols.data("linux_banner");
  return banner ? word_after(bytes_at(state_->elf.get(), banner->address).substr(0, banner->span),
                             "Linux version ")
                : std::string();
}

} // namespace harness
