// ^C and termination: a flag and a descriptor that becomes readable. One per process.
#pragma once

#include <chrono>

namespace base {

// Installs handlers for SIGINT, SIGTERM and SIGHUP. The first signal sets the flag; a second SIGINT
// does nothing more (everything under way ends within a second or so). Called once, in main.
void install_stop_signals();

// 0, or the first signal that came.
int stop_signal();

// Throws Interrupted if a signal came.
void check_stop();

// Readable from the first signal on; never read from it. -1 before install_stop_signals().
int stop_fd();

// Sleeps; throws Interrupted if a signal comes meanwhile.
void sleep_for(std::chrono::milliseconds duration);

} // namespace base
