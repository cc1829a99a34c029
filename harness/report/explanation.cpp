#include "harness/report/explanation.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "harness/report/debug_file.hpp"
#include "harness/report/demangle.hpp"
#include "harness/report/instructions.hpp"
#include "harness/report/lines.hpp"
#include "harness/report/source_lines.hpp"
#include "vmm/base/error.hpp"
#include "vmm/base/text.hpp"

namespace harness {

namespace {

// What to say of a file where both are known and differ.
std::optional<std::string> other_kernel(std::string_view what, std::string_view kind,
                                        const std::string& ours, std::string_view theirs) {
  if (ours.empty() || theirs.empty() || ours == theirs)
    return {};
  return fmt::format("{} has {} {}, the log is of {}: only functions whose name and size fit are "
                     "resolved, and may be wrong",
                     what, kind, ours, theirs);
}

// An instruction's start in the bytes that a Code: line shows before the faulting one, as its
// distance: the function is decoded from its own start.
std::optional<std::size_t> anchor_of(std::string_view function, std::uint64_t offset) {
  constexpr std::uint64_t shown = 42; // bytes before the faulting one, arch/x86/kernel/dumpstack.c
  if (offset > function.size())
    return {};
  const InstructionDecoder decoder(Machine::x86_64);
  std::uint64_t at = 0;
  while (at + shown < offset) {
    const std::size_t size = decoder.size_at(function.substr(at));
    if (size == 0)
      return {};
    at += size;
  }
  return at <= offset ? std::optional<std::size_t>(offset - at) : std::nullopt;
}

} // namespace

Explanation::Explanation(const std::optional<Symbolizer>& kernel, ModuleFolder& modules,
                         LogFacts facts)
    : kernel_(kernel), modules_(modules), facts_(std::move(facts)) {
  if (!kernel_)
    return;
  warn(other_kernel("vmlinux", "release", kernel_->file().release(), facts_.release));
  warn(other_kernel("vmlinux", "build id", kernel_->file().build_id(), facts_.build_id));
}

void Explanation::warn(const std::optional<std::string>& text) {
  if (text && std::find(warnings_.begin(), warnings_.end(), *text) == warnings_.end())
    warnings_.push_back(*text);
}

void Explanation::learn_offset(std::string_view report) {
  for (std::string_view raw : base::lines_of(report)) {
    if (facts_.kernel_offset || !kernel_)
      return;
    std::string_view line = strip_prefix(raw).text;
    auto place = place_of(line);
    if (!place || place->frame.function.empty() || !place->module.empty())
      continue;
    auto alone = place_of(line.substr(0, place->frame.name_begin));
    auto start = kernel_->file().symbols().find(place->frame.function, place->frame.size);
    if (alone && start)
      facts_.kernel_offset = alone->address - *start - place->frame.offset;
  }
}

const DebugFile* Explanation::file_of(const Place& place) {
  if (place.module.empty()) {
    if (!kernel_)
      return nullptr;
    warn(other_kernel("vmlinux", "build id", kernel_->file().build_id(), place.build_id));
    return &kernel_->file();
  }
  const ModuleFolder::Module& module = modules_.find(place.module);
  if (!module.file) {
    warn(module.problem);
    return nullptr;
  }
  const std::string what = fmt::format("module {}", place.module);
  warn(other_kernel(what, "release", module.file->release(), facts_.release));
  warn(other_kernel(what, "build id", module.file->build_id(), place.build_id));
  return module.file.get();
}

void Explanation::check_size(const DebugFile& file, const Place& place) {
  const TraceFrame& frame = place.frame;
  if (file.symbols().has_other_size(frame.function, frame.size) &&
      other_builds_.insert(&file).second)
    warn(fmt::format("{} is of another build: its {} is not {:#x} bytes long",
                     place.module.empty() ? "vmlinux" : fmt::format("module {}", place.module),
                     frame.function, frame.size));
}

Explanation::Found Explanation::find(const Place& place) {
  const DebugFile* file = file_of(place);
  if (!file)
    return {};
  const TraceFrame& frame = place.frame;
  if (!frame.function.empty()) {
    const auto start = file->symbols().find(frame.function, frame.size);
    check_size(*file, place);
    if (!start || (frame.size != 0 && frame.offset > frame.size))
      return {};
    return {file, *start, *start + frame.offset};
  }
  if (!facts_.kernel_offset) {
    warn("addresses without symbols stay: the log has no \"Kernel Offset:\"");
    return {};
  }
  const std::uint64_t address = place.address - *facts_.kernel_offset;
  const ElfSymbol* symbol = file->symbols().at(address - (place.return_address ? 1 : 0));
  return symbol ? Found{file, symbol->address, address} : Found();
}

std::string Explanation::top() const { return kernel_ ? kernel_->top() : std::string(); }

std::vector<SourceFrame> Explanation::look_up(const Place& place) {
  const Found found = find(place);
  if (!found.file || (place.return_address && found.address == found.start))
    return {};
  std::vector<SourceFrame> frames =
      resolve_at(*found.file, top(), found.address - (place.return_address ? 1 : 0));
  if (frames.empty())
    return frames;
  if (!place.frame.function.empty()) {
    frames.back().function = demangle(place.frame.function);
  } else if (const ElfSymbol* symbol = found.file->symbols().at(found.start)) {
    frames.back().function = fmt::format("{}+{:#x}/{:#x}", demangle(symbol->name),
                                         found.address - found.start, symbol->span);
  }
  return frames;
}

std::string Explanation::blamed_file(std::string_view report) const {
  const std::string file = named_file(report);
  return file.empty() ? file : tree_path(top(), file);
}

void Explanation::check_tree(const std::filesystem::path& tree) {
  const std::string version = tree_version(tree);
  std::string release = facts_.release;
  if (release.empty() && kernel_)
    release = kernel_->file().release();
  const bool same = release.starts_with(version) &&
                    release.find_first_of("0123456789.", version.size()) != version.size();
  if (!version.empty() && !release.empty() && !same)
    warn(fmt::format("the source tree is of {}, the log of {}: source lines may be others", version,
                     release));
}

std::string Explanation::listing(std::string_view report, const std::filesystem::path& source) {
  try {
    return list_code(
        report, [this](const Place& pointer) { return view(pointer); }, source);
  } catch (const base::Error& error) {
    warn(fmt::format("no code listing: {}", error.what()));
    return {};
  }
}

CodeView Explanation::view(const Place& pointer) {
  CodeView view;
  const TraceFrame frame = pointer.frame;
  const Found found = find(pointer);
  const auto within = [frame](std::int64_t offset) {
    const std::int64_t at = static_cast<std::int64_t>(frame.offset) + offset;
    return frame.size != 0 && at >= 0 && static_cast<std::size_t>(at) < frame.size
               ? fmt::format("{}+{:#x}", demangle(frame.function), at)
               : std::string();
  };
  view.name = within;
  if (!found.file)
    return view;
  view.anchor = anchor_of(found.file->code_at(found.start), found.address - found.start);
  view.line = [this, found](std::int64_t offset) {
    const DwarfFrame line = found.file->line_at(found.address + static_cast<std::uint64_t>(offset));
    return SourceFrame{"", tree_path(top(), line.file), line.line, false};
  };
  if (pointer.module.empty())
    view.name = [within, found](std::int64_t offset) {
      const std::uint64_t to = found.address + static_cast<std::uint64_t>(offset);
      const ElfSymbol* symbol = found.file->symbols().at(to);
      std::string name = within(offset);
      if (!name.empty() || !symbol)
        return name;
      name = demangle(symbol->name);
      return to == symbol->address ? name : fmt::format("{}+{:#x}", name, to - symbol->address);
    };
  return view;
}

} // namespace harness
