#include <fmt/format.h>

#include "guest/program.hpp"
#include "harness/program/program.hpp"
#include "harness/program/steps.hpp"
#include "vmm/base/error.hpp"

namespace harness {

namespace {

// Reads the steps of one file, in order, bodies after what holds them.
class SequenceReader {
 public:
  explicit SequenceReader(const std::filesystem::path& file) : short_name_(file.filename()) {}

  void read(const TomlTable& root) {
    root.check_keys({"description", "step"});
    root.text("description");
    if (root.tables("step").empty())
      root.fail("step", "no steps; expected [[step]] tables");
    read_steps(root, 0);
  }

  Program finish(const TomlTable& root) {
    program_.requirements = std::move(scope_.requirements);
    program_.descriptors = scope_.names.descriptors();
    program_.buffers = scope_.names.buffers();
    if (const std::string problem = guest::check(program_); !problem.empty())
      throw base::UsageError(fmt::format("{}: {}", root.file(), problem));
    return {guest::encode(program_), std::move(names_)};
  }

 private:
  std::uint32_t read_steps(const TomlTable& parent, unsigned depth) {
    if (depth > guest::max_depth)
      parent.fail("step", fmt::format("steps are nested too deep; at most {}", guest::max_depth));
    const std::size_t first = program_.steps.size();
    for (const TomlTable& table : parent.tables("step"))
      read_step(table, depth);
    return static_cast<std::uint32_t>(program_.steps.size() - first);
  }

  void read_step(const TomlTable& table, unsigned depth) {
    const StepKind& kind = step_kind(table);
    if (!kind.keys.empty() || kind.name != "ioctl") {
      std::vector<std::string> known = {"do", "errno", "result", "expect"};
      known.insert(known.end(), kind.keys.begin(), kind.keys.end());
      if (kind.body == Body::steps)
        known.emplace_back("step");
      table.check_keys(known);
    }
    const std::size_t index = program_.steps.size();
    program_.steps.push_back({kind.make(table, scope_), expectation_of(table)});
    const unsigned line = table.raw().source().begin.line;
    names_.push_back(fmt::format("{} ({}:{})", describe(table, kind), short_name_.string(), line));
    if (kind.body == Body::none)
      return;
    const std::uint32_t body = read_steps(table, depth + 1);
    if (body == 0)
      table.fail("step", fmt::format("'{}' holds no steps; expected [[step.step]] tables below it",
                                     kind.name));
    guest::Action& action = program_.steps[index].action;
    if (auto* repeat = std::get_if<guest::Repeat>(&action))
      repeat->body = body;
    else
      std::get<guest::Thread>(action).body = body;
  }

  std::filesystem::path short_name_;
  Scope scope_;
  guest::Program program_;
  std::vector<std::string> names_;
};

} // namespace

Program load_sequence(const std::filesystem::path& file) {
  const toml::table data = read_toml(file);
  const TomlTable root(data, file.string());
  SequenceReader reader(file);
  reader.read(root);
  return reader.finish(root);
}

} // namespace harness
