// The text of a diagnosis, in the manner of a kernel's report: what reads those finds RIP, Code and
// call traces in it.
#pragma once

#include <string>
#include <vector>

#include "harness/inspect/hang_verdict.hpp"

namespace harness {

// "comm:pid".
std::string task_name(const Task& task);

// The task's name; its address where it is not among the facts.
std::string owner_name(const HangFacts& facts, std::uint64_t task);

// "waits for mutex &vq->mutex, held by vhost-1:2".
std::string wait_text(const HangFacts& facts, const StuckTask& task);

// Lines for each CPU: "CPU 0: idle".
std::string cpu_lines(const HangFacts& facts);

// RIP, Code, registers and call trace of a task that spins.
std::string spin_text(const HangFacts& facts, const Spin& spin);

// "task:comm state:D pid:1", what it waits for, its call trace.
std::string stuck_text(const HangFacts& facts, const StuckTask& task);

} // namespace harness
