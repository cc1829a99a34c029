#include "harness/report/decoder.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "harness/report/annotate.hpp"
#include "harness/report/debug_file.hpp"
#include "harness/report/demangle.hpp"
#include "harness/report/lines.hpp"
#include "harness/report/log_facts.hpp"
#include "harness/report/maintainers.hpp"
#include "harness/report/modules.hpp"
#include "harness/report/symbolize.hpp"
#include "vmm/base/text.hpp"

namespace harness {

namespace {

// "KIND of a, the log is of b" where both are known and differ.
std::optional<std::string> other_kernel(std::string_view what, std::string_view kind,
                                        const std::string& ours, std::string_view theirs) {
  if (ours.empty() || theirs.empty() || ours.starts_with(theirs))
    return {};
  return fmt::format("{} has {} {}, the log is of {}: only functions whose name and size fit are "
                     "resolved, and may be wrong",
                     what, kind, ours, theirs);
}

// One report being explained.
class Explanation {
 public:
  Explanation(const std::optional<Symbolizer>& kernel, ModuleFolder& modules, LogFacts facts)
      : kernel_(kernel), modules_(modules), facts_(std::move(facts)) {
    if (!kernel_)
      return;
    warn(other_kernel("vmlinux", "release", kernel_->file().release(), facts_.release));
    warn(other_kernel("vmlinux", "build id", kernel_->file().build_id(), facts_.build_id));
  }

  std::vector<SourceFrame> look_up(const Place& place) {
    if (place.frame.function.empty())
      return at_address(place);
    if (!place.module.empty())
      return in_module(place);
    if (!kernel_)
      return {};
    warn(other_kernel("vmlinux", "build id", kernel_->file().build_id(), place.build_id));
    return kernel_->resolve(place.frame.function, place.frame.offset, place.frame.size,
                            place.return_address);
  }

  // A line with an address and its symbol tells what KASLR added.
  void learn_offset(std::string_view report) {
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

  std::vector<std::string> take_warnings() { return std::move(warnings_); }

 private:
  void warn(const std::optional<std::string>& text) {
    if (text && std::find(warnings_.begin(), warnings_.end(), *text) == warnings_.end())
      warnings_.push_back(*text);
  }

  std::vector<SourceFrame> in_module(const Place& place) {
    const ModuleFolder::Module& module = modules_.find(place.module);
    if (!module.file) {
      warn(module.problem);
      return {};
    }
    std::string what = fmt::format("module {}", place.module);
    warn(other_kernel(what, "release", module.file->release(), facts_.release));
    warn(other_kernel(what, "build id", module.file->build_id(), place.build_id));
    return resolve_in(*module.file, kernel_ ? kernel_->top() : std::string(), place.frame.function,
                      place.frame.offset, place.frame.size, place.return_address);
  }

  std::vector<SourceFrame> at_address(const Place& place) {
    if (!kernel_)
      return {};
    if (!facts_.kernel_offset) {
      warn("addresses without symbols stay: the log has no \"Kernel Offset:\"");
      return {};
    }
    std::uint64_t address = place.address - *facts_.kernel_offset;
    const ElfSymbol* symbol =
        kernel_->file().symbols().at(address - (place.return_address ? 1 : 0));
    if (!symbol)
      return {};
    std::vector<SourceFrame> frames =
        resolve_at(kernel_->file(), kernel_->top(), address - (place.return_address ? 1 : 0));
    if (!frames.empty())
      frames.back().function = fmt::format("{}+{:#x}/{:#x}", demangle(symbol->name),
                                           address - symbol->address, symbol->span);
    return frames;
  }

  const std::optional<Symbolizer>& kernel_;
  ModuleFolder& modules_;
  LogFacts facts_;
  std::vector<std::string> warnings_;
};

} // namespace

struct Decoder::State {
  explicit State(SymbolSources given) : sources(std::move(given)), modules(sources.modules) {
    if (!sources.vmlinux.empty())
      kernel.emplace(sources.vmlinux, sources.strip);
  }

  SymbolSources sources;
  std::optional<Symbolizer> kernel;
  ModuleFolder modules;
};

Decoder::Decoder(SymbolSources sources) : state_(std::make_unique<State>(std::move(sources))) {}
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;
Decoder::~Decoder() = default;

ExplainedReport Decoder::explain(const CrashReport& report, std::string_view log) const {
  const bool asked = state_->kernel || !state_->sources.modules.empty(); // for what a log says
  Explanation explanation(state_->kernel, state_->modules,
                          read_facts(report.text, asked ? log : std::string_view()));
  explanation.learn_offset(report.text);
  const Lookup look_up = [&](const Place& place) { return explanation.look_up(place); };
  ExplainedReport result;
  result.text = annotate(report.text, look_up);
  result.files = files_of(report.text, report.frame, look_up);
  if (!result.files.empty())
    result.maintainers = maintainers_of(state_->sources.source, result.files.front());
  result.warnings = explanation.take_warnings();
  return result;
}

} // namespace harness
