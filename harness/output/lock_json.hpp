// Lockdep reports and hung tasks as JSON: the "lockdep" and "hung_task" members of a crash.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "harness/report/hung_task.hpp"
#include "harness/report/lockdep.hpp"

namespace harness {

// PLACE: {"function", "offset", "module", "file", "line", "inlined"}; STACK: [PLACE], innermost
// first LOCK: {"name", "subclass", "usage", "wait", "address", "at": STACK}; CLASS: LOCK's first
// four TASK: {"name", "pid"}; what the log does not show is "" or 0, a whole object null.

// {"kind": "circular", "headline", "kernel", "task": TASK, "wanted": LOCK, "holding": LOCK,
//  "related": [{"says", "lock": CLASS, "stack": STACK}], "usage", "context",
//  "chain": [{"number", "lock": CLASS, "stacks": [{"label", "frames": STACK}]}], "chain_of":
//  [name], "dependencies": [{"says", "locks": [as in chain]}], "scenario": [["CPU0 does", ""]],
//  "held": [{"task": TASK, "count", "locks": [LOCK]}],
//  "irq_events": [{"what", "number", "at": STACK}], "backtrace": STACK,
//  "rcu": {"file", "line", "message"} or null}
nlohmann::json to_json(const LockdepReport& report);

// {"task": TASK, "seconds", "kernel", "state", "workqueue", "stack": STACK, "stale": STACK,
//  "blocker": {"kind", "owner": TASK or null} or null, "locks_shown", "entered": [LOCK],
//  "others": [TASK], "waits_in", "waits_for": LOCK or null, "waiters": [TASK],
//  "holders": [{"task": TASK, "evidence": "took-more", "same_instance", "hung", "deadlock",
//               "entered": [LOCK], "state", "stack": STACK, "stale": STACK}]}
nlohmann::json to_json(const HungTask& hung);

} // namespace harness
