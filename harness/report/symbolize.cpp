#include "harness/report/symbolize.hpp"

#include "harness/report/debug_file.hpp"
#include "harness/report/demangle.hpp"

namespace harness {

std::string source_folder(const DebugFile& file) {
  constexpr std::string_view known = "init/main.c";
  const auto start = file.symbols().find("start_kernel", 0);
  const std::vector<DwarfFrame> frames = start ? file.frames_at(*start) : std::vector<DwarfFrame>();
  if (frames.empty() || !frames.back().file.ends_with("/init/main.c"))
    return {};
  return frames.back().file.substr(0, frames.back().file.size() - known.size());
}

std::string tree_path(const std::string& top, const std::string& file) {
  std::string path = std::filesystem::path(file).lexically_normal();
  return !top.empty() && path.starts_with(top) ? path.substr(top.size()) : path;
}

std::vector<SourceFrame> resolve_at(const DebugFile& file, const std::string& top,
                                    std::uint64_t address) {
  std::vector<SourceFrame> frames;
  for (const DwarfFrame& found : file.frames_at(address))
    frames.push_back({demangle(found.function), tree_path(top, found.file), found.line, true});
  if (frames.empty())
    return frames;
  frames.back().inlined = false;
  if (frames.back().function.empty()) // assembler, or merged with a function of equal code
    if (const ElfSymbol* symbol = file.symbols().at(address))
      frames.back().function = demangle(symbol->name);
  return frames;
}

struct Symbolizer::State {
  State(const std::filesystem::path& path, const std::filesystem::path& strip)
      : file(path), top(strip.lexically_normal()) {
    if (top.empty())
      top = source_folder(file);
    if (!top.empty() && !top.ends_with('/'))
      top += '/';
  }

  DebugFile file;
  std::string top;
};

Symbolizer::Symbolizer(const std::filesystem::path& vmlinux, const std::filesystem::path& strip)
    : state_(std::make_unique<State>(vmlinux, strip)) {}
Symbolizer::Symbolizer(Symbolizer&&) noexcept = default;
Symbolizer& Symbolizer::operator=(Symbolizer&&) noexcept = default;
Symbolizer::~Symbolizer() = default;

const DebugFile& Symbolizer::file() const { return state_->file; }
const std::string& Symbolizer::top() const { return state_->top; }

} // namespace harness
