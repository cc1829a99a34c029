#include <catch2/catch.hpp>

#include "harness/bisect/verdict.hpp"

using namespace harness;

namespace {

// h hit, c clean, o other, b boot, u untestable, i infra.
std::vector<RunResult> runs_of(const std::string& letters) {
  std::vector<RunResult> runs;
  for (const char letter : letters) {
    RunResult run;
    run.kind = letter == 'h'   ? RunKind::hit
               : letter == 'c' ? RunKind::clean
               : letter == 'o' ? RunKind::other
               : letter == 'b' ? RunKind::boot
               : letter == 'u' ? RunKind::untestable
                               : RunKind::infra;
    runs.push_back(run);
  }
  return runs;
}

constexpr HitRate always{3, 3};
constexpr HitRate half{10, 20};
constexpr HitRate unknown{0, 0};

} // namespace

TEST_CASE("miss probability is the Jeffreys beta ratio") {
  CHECK(miss_probability(always, 0) == 1);
  // B(3.5, 0.5 + n) / B(3.5, 0.5), by hand.
  CHECK(miss_probability(always, 1) == Approx(0.5 / 4));
  CHECK(miss_probability(always, 2) == Approx(0.5 / 4 * 1.5 / 5));
  CHECK(miss_probability({0, 0}, 1) == Approx(0.5));
  CHECK(miss_probability(half, 3) == Approx(10.5 / 21 * 11.5 / 22 * 12.5 / 23));
  for (unsigned n = 1; n < 40; ++n)
    CHECK(miss_probability(half, n) < miss_probability(half, n - 1));
}

TEST_CASE("the more it hit so far, the fewer clean runs make a good one") {
  const auto needed = [](const HitRate& rate) {
    std::string cleans;
    while (!certain(runs_of(cleans), rate, RunRule{.max_runs = 100}))
      cleans += 'c';
    return cleans.size();
  };
  CHECK(needed({3, 3}) == 4);
  CHECK(needed({8, 8}) == 2);
  CHECK(needed({40, 40}) == 2);
  CHECK(needed({60, 60}) == 1);
  CHECK(needed({10, 20}) == 9);
  CHECK(needed({5, 50}) > 30);
}

TEST_CASE("certain and judge, row by row") {
  struct Row {
    std::string runs;
    HitRate rate;
    bool is_certain;
    Verdict verdict; // counts where certain
  };
  const Row row = GENERATE(values<Row>({
      {"", always, false, Verdict::skip},
      {"h", always, true, Verdict::bad},
      {"ch", always, true, Verdict::bad},
      {"oh", always, true, Verdict::bad},
      {"bh", always, true, Verdict::bad},
      {"iiih", always, true, Verdict::bad},
      {"c", always, false, Verdict::good},
      {"ccc", always, false, Verdict::good},
      {"cccc", always, true, Verdict::good},
      {"cccc", half, false, Verdict::good},
      {"cccccccccc", unknown, true, Verdict::good}, // max_runs
      {"b", always, false, Verdict::skip},
      {"bb", always, true, Verdict::skip},
      {"bc", always, false, Verdict::good},
      {"bcb", always, false, Verdict::good},
      {"bcbbb", always, true, Verdict::skip},
      {"bcbccc", always, true, Verdict::good},
      {"u", always, true, Verdict::skip},
      {"o", always, false, Verdict::skip},
      {"ooo", always, true, Verdict::skip},
      {"oooc", always, false, Verdict::skip},
      {"ococcc", always, true, Verdict::good},
      {"oooooooocc", half, true, Verdict::skip}, // max_runs, most of them unrelated
      {"ooooccccco", half, true, Verdict::good},
      {"i", always, false, Verdict::skip},
      {"iii", always, false, Verdict::skip},
      {"iiii", always, true, Verdict::infra},
      {"iciii", always, true, Verdict::infra},
      {"iicccc", always, true, Verdict::good},
  }));
  INFO(row.runs);
  CHECK(certain(runs_of(row.runs), row.rate, RunRule{}) == row.is_certain);
  if (row.is_certain)
    CHECK(judge(runs_of(row.runs)) == row.verdict);
}

TEST_CASE("the start revision runs to three hits or to the end") {
  const RunRule rule = start_rule(10);
  CHECK_FALSE(certain(runs_of("h"), unknown, rule));
  CHECK_FALSE(certain(runs_of("hh"), unknown, rule));
  CHECK(certain(runs_of("hhh"), unknown, rule));
  CHECK(certain(runs_of("hchch"), unknown, rule));
  CHECK_FALSE(certain(runs_of("ccccccccc"), always, rule));
  CHECK(certain(runs_of("cccccccccc"), always, rule));
  CHECK(judge(runs_of("ccccccccch")) == Verdict::bad);
  CHECK(certain(runs_of("bb"), unknown, rule));
  CHECK(certain(runs_of("hbbbb"), unknown, rule));
  CHECK(judge(runs_of("hbbbb")) == Verdict::bad);
}

TEST_CASE("runs at once are as many as are needed anyway") {
  CHECK(runs_at_once(runs_of(""), always, RunRule{}) == 1);
  CHECK(runs_at_once(runs_of("c"), always, RunRule{}) == 3);
  CHECK(runs_at_once(runs_of("cccc"), always, RunRule{}) == 1);
  CHECK(runs_at_once(runs_of(""), {1, 5}, RunRule{}) == 10);
  CHECK(runs_at_once(runs_of("ccc"), {1, 5}, RunRule{}) == 7);
  CHECK(runs_at_once(runs_of(""), unknown, start_rule(10)) == 3);
  CHECK(runs_at_once(runs_of("ch"), unknown, start_rule(10)) == 2);
}

TEST_CASE("words of verdicts and runs go both ways") {
  for (const Verdict verdict : {Verdict::bad, Verdict::good, Verdict::skip, Verdict::infra})
    CHECK(verdict_from(verdict_text(verdict)) == verdict);
  for (const RunKind kind : {RunKind::hit, RunKind::clean, RunKind::other, RunKind::boot,
                             RunKind::untestable, RunKind::infra})
    CHECK(run_kind_from(run_kind_text(kind)) == kind);
}
