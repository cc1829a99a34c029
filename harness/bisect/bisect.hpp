// `krepro bisect`: begins a bisection or goes on with an unfinished one, to its end.
#pragma once

#include "harness/bisect/search.hpp"
#include "harness/bisect/state.hpp"
#include "harness/bisect/tester.hpp"
#include "harness/job/job.hpp"

namespace harness {

// Everything of a bisection that a job determines.
struct BisectPlan {
  std::string job;    // name
  std::string file;   // path
  std::string digest; // see job_digest
  Question question;
  Expectation expected;
  unsigned max_runs = 10;
  unsigned slots = 1; // guests at once
};

// SHA-256 of everything in a job that matters to a verdict; its name and path do not.
std::string job_digest(const Job& job);
BisectPlan plan_of(const Job& job);

// Finds the culprit, or says why not. Interrupted at any point (also by kill -9), the same call
// goes on from the last stored run; a finished bisection begins anew. Throws base::UsageError for
// an unknown revision, base::Error for a failure that ends the session, base::Interrupted.
BisectResult bisect(const BisectPlan& plan, State& state, Revisions& revisions, Lab& lab,
                    const Observer& observer);

} // namespace harness
