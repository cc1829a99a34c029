#include "harness/bisect/git_bisect.hpp"

#include <fmt/format.h>

#include "harness/kernel/git.hpp"
#include "vmm/base/error.hpp"
#include "vmm/base/text.hpp"

namespace harness {
namespace {

bool starts_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

std::string last_line(const std::string& out) {
  const auto lines = base::lines_of(base::trim(out));
  return lines.empty() ? "no output" : std::string{lines.back()};
}

// "Bisecting: ..." and the "[sha] subject" that follows it; the warnings about a merge base.
std::vector<std::string> shown_lines(const std::string& out) {
  std::vector<std::string> shown;
  for (const std::string_view line : base::lines_of(out))
    if (starts_with(line, "Bisecting: ") || starts_with(line, "[") ||
        starts_with(line, "warning: ") || starts_with(line, "Warning: ") ||
        starts_with(line, "There are only 'skip'ped"))
      shown.emplace_back(line);
  return shown;
}

// The sha in "# first bad commit: [sha] subject".
std::string bracketed(std::string_view line) {
  const std::size_t open = line.find('[');
  const std::size_t close = line.find(']', open);
  if (open == std::string_view::npos || close == std::string_view::npos)
    return "";
  return std::string{line.substr(open + 1, close - open - 1)};
}

// How the log of git bisect says that it ended; kind test: it has not.
BisectStep ending(const std::string& log) {
  BisectStep step;
  for (const std::string_view line : base::lines_of(log)) {
    if (starts_with(line, "# first bad commit: ")) {
      step.kind = BisectStep::Kind::found;
      step.sha = bracketed(line);
    } else if (starts_with(line, "# possible first bad commit: ")) {
      step.kind = BisectStep::Kind::only_skipped;
      step.candidates.push_back(bracketed(line));
    }
  }
  return step;
}

} // namespace

GitBisect::Said GitBisect::git(const std::vector<std::string>& args) const {
  base::Command command = git_command(repository_, args);
  command.merge_stderr = true;
  const base::Finished finished = base::run_command(command);
  return {finished.status.exit_code().value_or(-1), finished.out};
}

std::string GitBisect::must(const std::vector<std::string>& args) const {
  const Said said = git(args);
  if (said.status != 0)
    throw base::Error(
        fmt::format("git {} in {}: {}", args.front(), repository_.string(), last_line(said.out)));
  return std::string{base::trim(said.out)};
}

void GitBisect::reset() {
  git({"bisect", "reset"});
  // What an interrupted git may leave when its BISECT_LOG is already gone.
  const std::string refs = must({"for-each-ref", "--format=%(refname)", "refs/bisect/"});
  for (const std::string_view ref : base::lines_of(refs))
    must({"update-ref", "-d", std::string{ref}});
  git({"update-ref", "-d", "--no-deref", "BISECT_HEAD"});
}

std::vector<std::string> GitBisect::parents(const std::string& sha) const {
  std::vector<std::string> words =
      base::split(must({"rev-list", "--parents", "-n", "1", sha}), ' ');
  words.erase(words.begin());
  return words;
}

BisectStep GitBisect::start(const std::string& bad, const std::string& good) {
  bad_ = bad;
  good_ = good;
  reset();
  // git bisect wants a HEAD, which a checkout that never built anything does not have.
  if (git({"rev-parse", "--quiet", "--verify", "HEAD^{commit}"}).status != 0)
    must({"update-ref", "--no-deref", "HEAD", bad});
  const Said said = git({"bisect", "start", "--no-checkout", bad, good});
  if (said.status == 1)
    throw base::UsageError(
        fmt::format("git bisect start {} {}: {}", bad, good, last_line(said.out)));
  return next(said);
}

BisectStep GitBisect::answer(Verdict verdict, const std::string& sha) {
  ASSERT(verdict != Verdict::infra);
  return next(git({"bisect", std::string{verdict_text(verdict)}, sha}));
}

BisectStep GitBisect::next(const Said& said) const {
  BisectStep step = ending(must({"bisect", "log"}));
  step.lines = shown_lines(said.out);
  if (step.kind != BisectStep::Kind::test)
    return step;
  if (said.status == 0) {
    step.sha = must({"rev-parse", "--verify", "BISECT_HEAD"});
    return step;
  }
  if (said.status == 3) {
    step.kind = BisectStep::Kind::fixed_between;
    step.sha = must({"merge-base", bad_, good_});
    return step;
  }
  throw base::Error(fmt::format("git bisect in {}: {}", repository_.string(), last_line(said.out)));
}

} // namespace harness
