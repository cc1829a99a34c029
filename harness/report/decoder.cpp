#include "harness/report/decoder.hpp"

#include <optional>
#include <utility>

#include "harness/report/annotate.hpp"
#include "harness/report/explanation.hpp"
#include "harness/report/log_facts.hpp"
#include "harness/report/maintainers.hpp"
#include "harness/report/modules.hpp"
#include "harness/report/symbolize.hpp"

namespace harness {

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
  ReportFiles files =
      files_of(report.text, report.frame, look_up, explanation.blamed_file(report.text));
  if (files.guilty_known)
    result.maintainers = maintainers_of(state_->sources.source, files.all.front());
  result.files = std::move(files.all);
  result.disassembly = explanation.listing(report.text, state_->sources.source);
  if (!state_->sources.source.empty())
    explanation.check_tree(state_->sources.source);
  result.warnings = explanation.take_warnings();
  return result;
}

} // namespace harness
