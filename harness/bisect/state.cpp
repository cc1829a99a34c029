#include "harness/bisect/state.hpp"

#include <fmt/format.h>

#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"
#include "vmm/base/text.hpp"

namespace harness {
namespace {

constexpr int schema_version = 1;
constexpr std::int64_t application_id = 0x6b726570; // "krep", marks the file as krepro's

constexpr const char* schema = R"sql(
CREATE TABLE bisection (
  id INTEGER PRIMARY KEY,
  job TEXT NOT NULL, file TEXT NOT NULL, digest TEXT NOT NULL, start TEXT NOT NULL,
  began TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%S', 'now')),
  used INTEGER NOT NULL,
  seconds REAL NOT NULL DEFAULT 0,
  end TEXT NOT NULL DEFAULT '', culprit TEXT NOT NULL DEFAULT '');
CREATE TABLE revision (
  id INTEGER PRIMARY KEY,
  bisection INTEGER NOT NULL REFERENCES bisection ON DELETE CASCADE,
  sha TEXT NOT NULL, compiler TEXT NOT NULL, build_error TEXT NOT NULL, build_seconds REAL NOT NULL,
  UNIQUE (bisection, sha));
CREATE TABLE run (
  id INTEGER PRIMARY KEY,
  revision INTEGER NOT NULL REFERENCES revision ON DELETE CASCADE,
  kind TEXT NOT NULL, words TEXT NOT NULL, seconds REAL NOT NULL,
  title TEXT NOT NULL, alt_titles TEXT NOT NULL, type TEXT NOT NULL, frame TEXT NOT NULL,
  files TEXT NOT NULL, report TEXT NOT NULL);
CREATE TABLE verdict (
  id INTEGER PRIMARY KEY,
  revision INTEGER NOT NULL UNIQUE REFERENCES revision ON DELETE CASCADE,
  verdict TEXT NOT NULL, miss REAL NOT NULL);
CREATE INDEX run_of_revision ON run (revision);
)sql";

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines)
    text += line + "\n";
  return text;
}

std::vector<std::string> unjoined(const std::string& text) {
  std::vector<std::string> lines;
  for (const std::string_view line : base::lines_of(text))
    lines.emplace_back(line);
  return lines;
}

constexpr const char* bisection_columns =
    "SELECT id, job, file, digest, start, began, end, culprit, seconds FROM bisection ";

BisectionRow bisection_row(const Statement& row) {
  BisectionRow found{.id = row.number(0),
                     .key = {row.text(1), row.text(2), row.text(3), row.text(4)},
                     .began = row.text(5),
                     .end = {},
                     .culprit = row.text(7),
                     .seconds = row.real(8)};
  if (const std::string end = row.text(6); !end.empty())
    found.end = end_from(end);
  return found;
}

} // namespace

State::State(const std::filesystem::path& file) : database_(file) { make_schema(); }

std::filesystem::path State::default_file() { return base::state_home() / "krepro.db"; }

void State::make_schema() {
  Transaction transaction(database_);
  const std::int64_t version = database_.number("PRAGMA user_version");
  const std::int64_t owner = database_.number("PRAGMA application_id");
  const bool fresh =
      version == 0 && owner == 0 && database_.number("SELECT count(*) FROM sqlite_master") == 0;
  if (fresh) {
    database_.run(schema);
    database_.run(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}",
                              application_id, schema_version)
                      .c_str());
  } else if (owner != application_id) {
    throw base::Error(fmt::format("{}: a database of another program: move it away and run again",
                                  database_.file().string()));
  } else if (version != schema_version) {
    throw base::Error(
        fmt::format("{}: written by another version of krepro (schema {}, expected {}): "
                    "use that version, or move the file away",
                    database_.file().string(), version, schema_version));
  }
  transaction.commit();
}

BisectionRow State::open(const BisectionKey& key) {
  Transaction transaction(database_);
  Statement find = database_.prepare("SELECT id FROM bisection WHERE digest = ? AND start = ? AND "
                                     "end = '' ORDER BY used DESC LIMIT 1");
  find.with(key.digest).with(key.start);
  std::int64_t id = 0;
  if (find.step()) {
    id = find.number(0);
    database_
        .prepare("UPDATE bisection SET job = ?, file = ?, used = (SELECT max(used) + 1 FROM "
                 "bisection) WHERE id = ?")
        .with(key.job)
        .with(key.file)
        .with(id)
        .step();
  } else {
    database_
        .prepare("INSERT INTO bisection (job, file, digest, start, used) VALUES (?, ?, ?, ?, "
                 "(SELECT coalesce(max(used), 0) + 1 FROM bisection))")
        .with(key.job)
        .with(key.file)
        .with(key.digest)
        .with(key.start)
        .step();
    id = database_.last_id();
  }
  transaction.commit();
  return bisection(id);
}

void State::abandon(const BisectionKey& key) {
  database_.prepare("DELETE FROM bisection WHERE digest = ? AND start = ? AND end = ''")
      .with(key.digest)
      .with(key.start)
      .step();
}

std::optional<BisectionRow> State::latest() {
  Statement row =
      database_.prepare((std::string{bisection_columns} + "ORDER BY used DESC LIMIT 1").c_str());
  if (!row.step())
    return {};
  return bisection_row(row);
}

BisectionRow State::bisection(std::int64_t id) {
  Statement row = database_.prepare((std::string{bisection_columns} + "WHERE id = ?").c_str());
  row.with(id);
  ASSERT(row.step());
  return bisection_row(row);
}

std::vector<RunResult> State::runs(std::int64_t revision) {
  std::vector<RunResult> found;
  Statement row = database_.prepare("SELECT kind, words, seconds, title, alt_titles, type, frame, "
                                    "files, report FROM run WHERE revision = ? ORDER BY id");
  row.with(revision);
  while (row.step())
    found.push_back({run_kind_from(row.text(0)),
                     row.text(1),
                     row.real(2),
                     {row.text(3), unjoined(row.text(4)), row.text(5), row.text(6),
                      unjoined(row.text(7)), row.text(8)}});
  return found;
}

std::vector<StoredRevision> State::revisions(std::int64_t bisection) {
  std::vector<StoredRevision> found;
  Statement row = database_.prepare(
      "SELECT r.id, r.sha, r.compiler, r.build_error, r.build_seconds, v.verdict, v.miss FROM "
      "revision r LEFT JOIN verdict v ON v.revision = r.id WHERE r.bisection = ? ORDER BY r.id");
  row.with(bisection);
  while (row.step()) {
    StoredRevision revision;
    revision.result = {.sha = row.text(1),
                       .verdict = verdict_from(row.text(5)),
                       .compiler = row.text(2),
                       .build_error = row.text(3),
                       .build_seconds = row.real(4),
                       .runs = runs(row.number(0)),
                       .miss = row.real(6),
                       .stored = true};
    revision.has_verdict = !row.text(5).empty();
    found.push_back(std::move(revision));
  }
  return found;
}

std::int64_t State::revision_id(std::int64_t bisection, const std::string& sha) {
  Statement row = database_.prepare("SELECT id FROM revision WHERE bisection = ? AND sha = ?");
  row.with(bisection).with(sha);
  ASSERT(row.step());
  return row.number(0);
}

void State::add_build(std::int64_t bisection, const RevisionResult& result) {
  database_
      .prepare("INSERT INTO revision (bisection, sha, compiler, build_error, build_seconds) VALUES "
               "(?, ?, ?, ?, ?) ON CONFLICT (bisection, sha) DO UPDATE SET compiler = "
               "excluded.compiler, build_error = excluded.build_error, build_seconds = "
               "build_seconds + excluded.build_seconds")
      .with(bisection)
      .with(result.sha)
      .with(result.compiler)
      .with(result.build_error)
      .with(result.build_seconds)
      .step();
}

void State::add_run(std::int64_t bisection, const std::string& sha, const RunResult& run) {
  const Symptom& symptom = run.symptom;
  database_
      .prepare("INSERT INTO run (revision, kind, words, seconds, title, alt_titles, type, frame, "
               "files, report) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .with(revision_id(bisection, sha))
      .with(run_kind_text(run.kind))
      .with(run.title)
      .with(run.seconds)
      .with(symptom.title)
      .with(joined(symptom.alt_titles))
      .with(symptom.type)
      .with(symptom.frame)
      .with(joined(symptom.files))
      .with(symptom.text)
      .step();
}

void State::add_verdict(std::int64_t bisection, const RevisionResult& result) {
  database_.prepare("INSERT INTO verdict (revision, verdict, miss) VALUES (?, ?, ?)")
      .with(revision_id(bisection, result.sha))
      .with(verdict_text(result.verdict))
      .with(result.miss)
      .step();
}

void State::add_seconds(std::int64_t bisection, double seconds) {
  database_.prepare("UPDATE bisection SET seconds = seconds + ? WHERE id = ?")
      .with(seconds)
      .with(bisection)
      .step();
}

void State::finish(std::int64_t bisection, const BisectResult& result) {
  database_.prepare("UPDATE bisection SET end = ?, culprit = ? WHERE id = ?")
      .with(end_text(result.kind))
      .with(result.culprit.sha)
      .with(bisection)
      .step();
}

std::optional<std::string> State::undo(std::int64_t bisection) {
  Transaction transaction(database_);
  Statement last = database_.prepare("SELECT r.id, r.sha FROM verdict v JOIN revision r ON r.id = "
                                     "v.revision WHERE r.bisection = ? "
                                     "ORDER BY v.id DESC LIMIT 1");
  last.with(bisection);
  if (!last.step())
    return {};
  const std::string sha = last.text(1);
  // A revision under way was begun after the last verdict.
  database_
      .prepare("DELETE FROM revision WHERE bisection = ? AND (id = ? OR id NOT IN (SELECT revision "
               "FROM verdict))")
      .with(bisection)
      .with(last.number(0))
      .step();
  database_.prepare("UPDATE bisection SET end = '', culprit = '' WHERE id = ?")
      .with(bisection)
      .step();
  transaction.commit();
  return sha;
}

Status status_of(State& state, const BisectionRow& row) {
  Status status;
  status.row = row;
  for (StoredRevision& revision : state.revisions(row.id)) {
    if (!revision.has_verdict) {
      status.under_way = revision.result.sha;
      continue;
    }
    if (revision.result.verdict == Verdict::bad)
      status.bad = revision.result.sha;
    else if (revision.result.verdict == Verdict::good)
      status.good = revision.result.sha;
    status.verdicts.push_back(std::move(revision.result));
  }
  return status;
}

std::string replay_log(const Status& status) {
  std::string text = "git bisect start\n";
  for (const RevisionResult& result : status.verdicts) {
    const auto word = verdict_text(result.verdict);
    if (!result.build_error.empty())
      text += fmt::format("# build failed: {}\n", base::printable(result.build_error));
    else if (!result.runs.empty())
      text += fmt::format("# {}/{} runs hit: {}\n", result.hits(), result.runs.size(),
                          base::printable(result.runs.front().title));
    text += fmt::format("git bisect {} {}\n", word, result.sha);
  }
  if (!status.row.culprit.empty())
    text += fmt::format("# first bad commit: {}\n", status.row.culprit);
  return text;
}

} // namespace harness
