#include "harness/output/transcript.hpp"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "vmm/base/error.hpp"
#include "vmm/base/text.hpp"

namespace harness {
namespace {

std::string one_line(std::string_view text) {
  std::string safe = base::printable(text);
  std::replace(safe.begin(), safe.end(), '\n', ' ');
  return safe;
}

std::string counts(const Counts& at) {
  return at.runs == 0 ? "not run" : fmt::format("{}/{}", at.hits, at.runs);
}

} // namespace

std::string totals_text(const BisectResult& result) {
  return fmt::format("revisions tested: {}, total time: {} (build: {}, test: {})", result.revisions,
                     base::duration_text(result.seconds), base::duration_text(result.build_seconds),
                     base::duration_text(result.test_seconds));
}

std::string counts_text(const BisectResult& result) {
  std::string text =
      fmt::format("{}: {} runs crashed", result.culprit.sha, counts(result.at_culprit));
  for (const Counts& parent : result.at_parents)
    text += fmt::format("; parent {}: {}", parent.sha, counts(parent));
  return text;
}

std::string cc_text(const std::vector<std::string>& cc) {
  std::string text;
  for (const std::string& address : cc)
    text += (text.empty() ? "" : ", ") +
            nlohmann::json(address).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return fmt::format("cc: [{}]", text);
}

Transcript::Transcript(std::ostream& out, const std::filesystem::path& copy) : out_(out) {
  if (copy.empty())
    return;
  std::error_code error;
  std::filesystem::create_directories(copy.parent_path(), error);
  copy_.open(copy, std::ios::binary | std::ios::trunc);
  if (!copy_)
    throw base::SysError(errno, "open", copy.string());
}

void Transcript::operator()(const Event& event) {
  std::visit([this](const auto& one) { tell(one); }, event);
}

void Transcript::line(std::string_view text) {
  out_ << text << '\n' << std::flush;
  if (copy_.is_open())
    copy_ << text << '\n' << std::flush;
}

void Transcript::tell(const event::Started& started) {
  line(fmt::format("bisecting cause commit starting from {}", started.sha));
}

void Transcript::tell(const event::Resumed& resumed) {
  line(fmt::format(
      "# going on with the bisection of {} UTC: {} verdicts and {} further runs are stored",
      resumed.since, resumed.verdicts, resumed.runs));
}

void Transcript::tell(const event::ReleaseChosen& chosen) {
  line(fmt::format("testing release {}", one_line(chosen.name)));
}

void Transcript::tell(const event::TestStarted& started) {
  line(fmt::format("testing commit {} with {}", started.sha, one_line(started.compiler)));
  if (started.stored)
    line("# the verdict is stored");
}

void Transcript::tell(const event::RevisionTested& tested) {
  if (!tested.result.build_error.empty())
    line(fmt::format("build failed: {}", one_line(tested.result.build_error)));
  else
    tell_runs(tested.result);
}

void Transcript::tell_runs(const RevisionResult& result) {
  const auto& runs = result.runs;
  const bool same = std::all_of(runs.begin(), runs.end(), [&runs](const RunResult& run) {
    return run.title == runs.front().title;
  });
  if (runs.empty())
    return;
  if (same) {
    line(fmt::format("all runs: {}", one_line(runs.front().title)));
  } else {
    for (std::size_t i = 0; i < runs.size(); ++i)
      line(fmt::format("run #{}: {}", i, one_line(runs[i].title)));
  }
  // Fewer clean runs than the hit rate asks for: bisect.runs is the limit.
  if (result.verdict == Verdict::good && result.miss >= RunRule{}.miss && result.miss < 1)
    line(fmt::format("# taken as good after {} clean runs ({:.1f} % if it were bad)",
                     result.cleans(), 100 * result.miss));
}

void Transcript::tell(const event::BisectStarted& started) {
  line(fmt::format("# git bisect start {} {}", started.bad, started.good));
}

void Transcript::tell(const event::GitSaid& said) { line(one_line(said.line)); }

void Transcript::tell(const event::Answered& answered) {
  line(fmt::format("# git bisect {} {}", verdict_text(answered.verdict), answered.sha));
}

void Transcript::tell(const event::Ended& ended) {
  const BisectResult& result = ended.result;
  if (result.kind == EndKind::found)
    tell_commit(result);
  else if (result.kind == EndKind::only_skipped)
    tell_candidates(result);
  if (!result.detail.empty())
    line(one_line(result.detail));
  line(totals_text(result));
  if (result.kind == EndKind::found) {
    line(fmt::format("first bad commit: {} {}", result.culprit.sha,
                     one_line(result.culprit.subject)));
    line(cc_text(result.cc));
  }
  if (result.crash.title.empty())
    return;
  line(fmt::format("crash: {}", one_line(result.crash.title)));
  if (!result.crash.text.empty())
    line(base::trim(base::printable(result.crash.text)));
}

void Transcript::tell_commit(const BisectResult& result) {
  const Commit& commit = result.culprit;
  line(fmt::format("{} is the first bad commit", commit.sha));
  line(fmt::format("commit {}", commit.sha));
  line(fmt::format("Author: {}", one_line(commit.author)));
  line(fmt::format("Date:   {}", one_line(commit.date)));
  line("");
  const std::string message = base::printable(commit.message);
  for (const std::string_view text : base::lines_of(base::trim(message)))
    line(text.empty() ? "" : fmt::format("    {}", text));
  line("");
  const std::string diffstat = base::printable(result.diffstat);
  for (const std::string_view text : base::lines_of(diffstat))
    line(text);
  line(counts_text(result));
}

void Transcript::tell_candidates(const BisectResult& result) {
  line("There are only 'skip'ped commits left to test.");
  line("The first bad commit could be any of:");
  for (const Commit& commit : result.candidates)
    line(fmt::format("{} {}", commit.sha, one_line(commit.subject)));
}

} // namespace harness
