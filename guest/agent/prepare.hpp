// What the agent does to the guest before a program runs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "guest/agent/channel.hpp"
#include "guest/program.hpp"
#include "guest/wire.hpp"

namespace guest {

// /proc, /sys, /dev, /tmp; the console shows all but debug messages.
void mount_all();

// Modules, then sysctls; a note for each that fails.
void apply(const Setup& setup, Channel& channel);

// Wall-clock time, nanoseconds since 1970; 0: stays as it is.
void set_clock(std::uint64_t realtime_ns);

// As set_clock takes it.
std::uint64_t realtime_ns();

// Mixes bytes into the kernel's random numbers, and makes them the seed of what comes next.
void add_entropy(const std::string& bytes);

// The first requirement that does not hold.
std::optional<Missing> first_missing(const std::vector<Requirement>& requirements);

// Since boot, suspended time included.
std::uint64_t uptime_ms();

// Writes all of text to an existing file; false with errno on failure.
bool write_to(const std::string& path, const std::string& text);

} // namespace guest
