#include "harness/report/symbolize.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>

#include "harness/report/crash.hpp"
#include "harness/report/dwarf_lookup.hpp"
#include "harness/report/frames.hpp"
#include "harness/report/symbols.hpp"
#include "vmm/base/error.hpp"
#include "vmm/base/fd.hpp"
#include "vmm/base/text.hpp"

namespace harness {

namespace {

struct EndElf {
  void operator()(Elf* elf) const { elf_end(elf); }
};
struct EndDwarf {
  void operator()(Dwarf* dwarf) const { dwarf_end(dwarf); }
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
    throw base::Error(fmt::format("{}: not an ELF file; expected a vmlinux with debug information",
                                  path.string()));
  return elf;
}

std::unique_ptr<Dwarf, EndDwarf> open_dwarf(Elf* elf, const std::filesystem::path& path) {
  std::unique_ptr<Dwarf, EndDwarf> dwarf(dwarf_begin_elf(elf, DWARF_C_READ, nullptr));
  Dwarf_Off next = 0;
  std::size_t header = 0;
  if (!dwarf || dwarf_nextcu(dwarf.get(), 0, &next, &header, nullptr, nullptr, nullptr) != 0)
    throw base::Error(
        fmt::format("{}: no usable DWARF ({}); build the kernel with CONFIG_DEBUG_INFO "
                    "and without zstd-compressed sections",
                    path.string(), dwarf_errmsg(-1)));
  return dwarf;
}

} // namespace

struct Symbolizer::State {
  State(const std::filesystem::path& path, const std::filesystem::path& strip)
      : fd(open_file(path)), elf(open_elf(fd, path)), dwarf(open_dwarf(elf.get(), path)),
        symbols(elf.get()), prefix(strip.lexically_normal()) {
    if (symbols.empty())
      throw base::Error(
          fmt::format("{}: no symbols; expected a vmlinux that was not stripped", path.string()));
    if (prefix.empty())
      prefix = source_folder();
    if (!prefix.empty() && !prefix.ends_with('/'))
      prefix += '/';
  }

  // Where the tree was when this kernel was built, as start_kernel() in init/main.c tells; "" where
  // it does not.
  std::string source_folder() const {
    constexpr std::string_view known = "/init/main.c";
    const auto start = symbols.find("start_kernel", 0);
    const std::vector<DwarfFrame> frames =
        start ? frames_at(dwarf.get(), *start) : std::vector<DwarfFrame>();
    if (frames.empty() || !frames.back().file.ends_with(known))
      return {};
    return frames.back().file.substr(0, frames.back().file.size() - known.size());
  }

  std::string tree_path(const std::string& file) const {
    std::string path = std::filesystem::path(file).lexically_normal();
    return !prefix.empty() && path.starts_with(prefix) ? path.substr(prefix.size()) : path;
  }

  base::Fd fd;
  std::unique_ptr<Elf, EndElf> elf;
  std::unique_ptr<Dwarf, EndDwarf> dwarf;
  SymbolTable symbols;
  std::string prefix;
};

Symbolizer::Symbolizer(const std::filesystem::path& vmlinux, const std::filesystem::path& strip)
    : state_(std::make_unique<State>(vmlinux, strip)) {}
Symbolizer::Symbolizer(Symbolizer&&) noexcept = default;
Symbolizer& Symbolizer::operator=(Symbolizer&&) noexcept = default;
Symbolizer::~Symbolizer() = default;

std::vector<SourceFrame> Symbolizer::resolve(std::string_view function, std::size_t offset,
                                             std::size_t size, bool return_address) const {
  std::vector<SourceFrame> frames;
  auto start = state_->symbols.find(function, size);
  if (!start || (size != 0 && offset > size) || (return_address && offset == 0))
    return frames;
  std::uint64_t address = *start + offset - (return_address ? 1 : 0);
  for (const DwarfFrame& found : frames_at(state_->dwarf.get(), address))
    frames.push_back({found.function, state_->tree_path(found.file), found.line, true});
  if (frames.empty())
    return frames;
  frames.back().inlined = false;
  frames.back().function = function;
  return frames;
}

} // namespace harness
