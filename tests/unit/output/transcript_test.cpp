#include <catch2/catch.hpp>

#include <sstream>

#include "harness/output/transcript.hpp"
#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"

using namespace harness;

namespace {

const std::string sha_a(40, 'a');
const std::string sha_b(40, 'b');

RevisionResult tested(const std::vector<std::string>& titles, Verdict verdict = Verdict::bad) {
  RevisionResult result;
  result.sha = sha_a;
  result.verdict = verdict;
  for (const std::string& title : titles)
    result.runs.push_back({title == "OK" ? RunKind::clean : RunKind::hit, title, 1, {}});
  result.miss = verdict == Verdict::good ? 0.001 : 1;
  return result;
}

std::string told(const std::vector<Event>& events) {
  std::ostringstream out;
  Transcript transcript(out);
  for (const Event& event : events)
    transcript(event);
  return out.str();
}

BisectResult found() {
  BisectResult result;
  result.kind = EndKind::found;
  result.start = sha_b;
  result.culprit = {sha_a, "vhost: new device IOTLB API", "J W <jw@example.org>", "Thu Jun 23 2016",
                    "vhost: new device IOTLB API\n\nThis patch.\n"};
  result.diffstat =
      " drivers/vhost/vhost.c | 3 ++-\n 1 file changed, 2 insertions(+), 1 deletion(-)\n";
  result.cc = {"\"J W\" <jw@example.org>", "kvm@example.org"};
  result.at_culprit = {sha_a, 3, 3};
  result.at_parents = {{sha_b, 0, 5}, {"cc", 0, 0}};
  result.crash.title = "possible deadlock in vhost_process_iotlb_msg";
  result.crash.text = "WARNING: possible\n  line\n";
  result.revisions = 12;
  result.seconds = 552.3;
  result.build_seconds = 361;
  result.test_seconds = 168.9;
  return result;
}

} // namespace

TEST_CASE("a bisection in the words of its readers") {
  CHECK(told({event::Started{sha_a},
              event::TestStarted{sha_a, "gcc (Debian 12.2.0-14+deb12u1) 12.2.0", false},
              event::BuildStarted{sha_a}, event::RunStarted{sha_a, 0, 10},
              event::RevisionTested{
                  tested({"crashed: INFO: task hung in f", "crashed: INFO: task hung in f"})},
              event::ReleaseChosen{"v1.7"}, event::TestStarted{sha_b, "gcc", false},
              event::RevisionTested{tested({"OK", "OK"}, Verdict::good)},
              event::BisectStarted{"v1.2", "v1.1"},
              event::GitSaid{"Bisecting: 11 revisions left to test after this (roughly 4 steps)"},
              event::RevisionTested{tested({"crashed: T", "OK"})},
              event::Answered{Verdict::bad, sha_a}}) ==
        "bisecting cause commit starting from " + sha_a +
            "\n"
            "testing commit " +
            sha_a +
            " with gcc (Debian 12.2.0-14+deb12u1) 12.2.0\n"
            "all runs: crashed: INFO: task hung in f\n"
            "testing release v1.7\n"
            "testing commit " +
            sha_b +
            " with gcc\n"
            "all runs: OK\n"
            "# git bisect start v1.2 v1.1\n"
            "Bisecting: 11 revisions left to test after this (roughly 4 steps)\n"
            "run #0: crashed: T\n"
            "run #1: OK\n"
            "# git bisect bad " +
            sha_a + "\n");
}

TEST_CASE("builds that fail, boots that fail, stored verdicts, thin evidence") {
  RevisionResult broken = tested({}, Verdict::skip);
  broken.build_error = "drivers/vhost/vhost.c:12:3: error: expected ';'";
  CHECK(told({event::RevisionTested{broken}, event::Answered{Verdict::skip, sha_a}}) ==
        "build failed: drivers/vhost/vhost.c:12:3: error: expected ';'\n# git bisect skip " +
            sha_a + "\n");
  CHECK(told({event::RevisionTested{
            tested({"boot failed: no agent", "boot failed: no agent"}, Verdict::skip)}}) ==
        "all runs: boot failed: no agent\n");
  CHECK(
      told({event::Resumed{3, 1, "2026-01-31 12:00:00"}, event::TestStarted{sha_a, "gcc", true}}) ==
      "# going on with the bisection of 2026-01-31 12:00:00 UTC: 3 verdicts and 1 further runs are "
      "stored\n"
      "testing commit " +
          sha_a + " with gcc\n# the verdict is stored\n");
  RevisionResult thin = tested({"OK", "OK"}, Verdict::good);
  thin.miss = 0.0375;
  CHECK(told({event::RevisionTested{thin}}) ==
        "all runs: OK\n# taken as good after 2 clean runs (3.8 % if it were bad)\n");
}

TEST_CASE("the end names commit, counts, times, recipients and the report") {
  CHECK(told({event::Ended{found()}}) ==
        sha_a + " is the first bad commit\ncommit " + sha_a +
            "\nAuthor: J W <jw@example.org>\nDate:   Thu Jun 23 2016\n\n"
            "    vhost: new device IOTLB API\n\n    This patch.\n\n"
            " drivers/vhost/vhost.c | 3 ++-\n 1 file changed, 2 insertions(+), 1 deletion(-)\n" +
            sha_a + ": 3/3 runs crashed; parent " + sha_b + ": 0/5; parent cc: not run\n" +
            "revisions tested: 12, total time: 9m12.3s (build: 6m1.0s, test: 2m48.9s)\n"
            "first bad commit: " +
            sha_a +
            " vhost: new device IOTLB API\n"
            "cc: [\"\\\"J W\\\" <jw@example.org>\", \"kvm@example.org\"]\n"
            "crash: possible deadlock in vhost_process_iotlb_msg\n"
            "WARNING: possible\n  line\n");
}

TEST_CASE("an end without a culprit says why, or which are left") {
  BisectResult result = found();
  result.kind = EndKind::not_reproduced;
  result.detail = "the bug does not reproduce";
  result.crash = {};
  CHECK(told({event::Ended{result}}) == "the bug does not reproduce\nrevisions tested: 12, total "
                                        "time: 9m12.3s (build: 6m1.0s, test: 2m48.9s)\n");
  result.kind = EndKind::only_skipped;
  result.detail = "one of 2";
  result.candidates = {{sha_a, "one", "", "", ""}, {sha_b, "two", "", "", ""}};
  CHECK(told({event::Ended{result}})
            .find("There are only 'skip'ped commits left to test.\nThe first bad commit could "
                  "be any of:\n" +
                  sha_a + " one\n" + sha_b + " two\none of 2\n") == 0);
}

TEST_CASE("guests cannot write to the terminal or forge lines") {
  const std::string text =
      told({event::RevisionTested{tested({"crashed: \x1b[2Jf\nall runs: OK"})}});
  CHECK(text == "all runs: crashed: ?[2Jf all runs: OK\n");
}

TEST_CASE("a copy of what was told is kept") {
  base::TempDir folder("/tmp", "krepro-transcript-");
  const auto file = folder.path() / "deep" / "transcript";
  std::ostringstream out;
  {
    Transcript transcript(out, file);
    transcript(event::Started{sha_a});
    CHECK(base::read_file(file) == out.str()); // as it comes
  }
  base::write_file(folder.path() / "plain", "");
  CHECK_THROWS_AS(Transcript(out, folder.path() / "plain" / "transcript"), base::SysError);
}
