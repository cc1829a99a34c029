// A bisection told in the words that kernel developers know from syzbot and git bisect.
#pragma once

#include <filesystem>
#include <fstream>
#include <ostream>
#include <string>
#include <string_view>

#include "harness/bisect/events.hpp"

namespace harness {

// Writes each event as it comes, flushed, to a stream and to a copy. What guests, compilers and
// commits say is made printable.
class Transcript {
 public:
  // out outlives the transcript. copy: a file that is written anew (a resumed bisection tells its
  // stored verdicts again); empty: none. Throws base::SysError where it cannot be opened.
  explicit Transcript(std::ostream& out, const std::filesystem::path& copy = {});
  void operator()(const Event& event);

 private:
  void line(std::string_view text);
  void tell(const event::Started& started);
  void tell(const event::Resumed& resumed);
  void tell(const event::ReleaseChosen& chosen);
  void tell(const event::TestStarted& started);
  void tell(const event::RevisionTested& tested);
  void tell(const event::BisectStarted& started);
  void tell(const event::GitSaid& said);
  void tell(const event::Answered& answered);
  void tell(const event::Ended& ended);
  template<class Other> void tell(const Other& /*progress*/) {}
  void tell_runs(const RevisionResult& result);
  void tell_commit(const BisectResult& result);
  void tell_candidates(const BisectResult& result);

  std::ostream& out_;
  std::ofstream copy_;
};

// "revisions tested: 12, total time: 9m12.3s (build: 6m1.0s, test: 2m48.9s)"
std::string totals_text(const BisectResult& result);
// "<sha>: 3/3 runs crashed; parent <sha>: 0/5"
std::string counts_text(const BisectResult& result);
// cc: ["…", "…"], quoted as JSON strings.
std::string cc_text(const std::vector<std::string>& cc);

} // namespace harness
