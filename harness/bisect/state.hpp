// Bisections on disk. What is written is committed when the call returns, so that a killed krepro
// loses at most the run under way.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "harness/bisect/database.hpp"
#include "harness/bisect/revision.hpp"

namespace harness {

// What makes two calls the same bisection: what the job says, and where it starts.
struct BisectionKey {
  std::string job;    // the job's name
  std::string file;   // its path
  std::string digest; // of everything in it that matters to a verdict
  std::string start;  // full commit id
};

struct BisectionRow {
  std::int64_t id = 0;
  BisectionKey key;
  std::string began;          // "2026-01-31 12:00:00", UTC
  std::optional<EndKind> end; // nothing: unfinished
  std::string culprit;        // full commit id; empty unless found
  double seconds = 0;         // spent so far, all sessions
};

// A revision of a bisection: with a verdict, or under way.
struct StoredRevision {
  RevisionResult result; // .verdict counts only if has_verdict
  bool has_verdict = false;
};

class State {
 public:
  // Throws base::Error, one line, for a file that is damaged or written by another version.
  explicit State(const std::filesystem::path& file);
  // state_home()/krepro.db
  static std::filesystem::path default_file();

  // The unfinished bisection with that key, or a new one.
  BisectionRow open(const BisectionKey& key);
  // Forgets the unfinished bisection with that key, so that open() begins a new one.
  void abandon(const BisectionKey& key);
  // The one that was worked on last; nothing when there is none.
  std::optional<BisectionRow> latest();
  BisectionRow bisection(std::int64_t id);

  // In the order in which they were first tested.
  std::vector<StoredRevision> revisions(std::int64_t bisection);

  // A build of a revision ended, well or not; seconds add to those of earlier sessions.
  void add_build(std::int64_t bisection, const RevisionResult& result);
  // The next run of a revision whose build is stored.
  void add_run(std::int64_t bisection, const std::string& sha, const RunResult& run);
  void add_verdict(std::int64_t bisection, const RevisionResult& result);
  void add_seconds(std::int64_t bisection, double seconds);
  void finish(std::int64_t bisection, const BisectResult& result);

  // Drops the last verdict with its runs, and whatever was begun after it; a finished bisection is
  // unfinished again. Returns the revision; nothing where there is no verdict.
  std::optional<std::string> undo(std::int64_t bisection);

 private:
  void make_schema();
  std::vector<RunResult> runs(std::int64_t revision);
  std::int64_t revision_id(std::int64_t bisection, const std::string& sha);

  Database database_;
};

// Where a bisection stands, for people.
struct Status {
  BisectionRow row;
  std::vector<RevisionResult> verdicts; // in the order they were given
  std::string under_way;                // revision with runs but no verdict yet; may be empty
  std::string bad;                      // the last revision found bad; empty: none yet
  std::string good;                     // the last revision found good; empty: none yet
};
Status status_of(State& state, const BisectionRow& row);

// The same in the form of `git bisect log`, for `git bisect replay`.
std::string replay_log(const Status& status);

} // namespace harness
