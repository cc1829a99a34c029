// Runs a program, in the process that the supervisor forked for it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "guest/program.hpp"

namespace guest {

// Memory that supervisor and program share: it can be read when the program stands still.
struct Board {
  std::atomic<std::uint32_t> unexpected{0};
  std::array<std::atomic<std::uint32_t>, max_threads> step{}; // index + 1; 0: in none
};

// Runs every step; a begin and a steps frame for each go to the reports descriptor, in repeats only
// for the first pass and for results that changed. Returns when all threads have ended.
void run_program(const Program& program, int reports, Board& board);

} // namespace guest
