// Processes as /proc shows them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace base {

// When a process started, in clock ticks since boot (proc(5), field 22 of stat): with the pid it
// names one process for ever. Nothing when there is no such process or it is a zombie.
std::optional<std::uint64_t> start_time(pid_t pid);

// The marks a session leaves on its processes.
struct SessionMark {
  std::string id;               // value of KREPRO_SESSION in the environment, whole
  std::filesystem::path folder; // anywhere in the command line, as a whole path or a prefix of one
};

// Processes of this user that carry either mark, without the given ones. Zombies are not listed.
std::vector<pid_t> marked_processes(const SessionMark& mark, const std::vector<pid_t>& spared);

// Processes of this user whose command line holds the path, as a whole or as a prefix of one.
std::vector<pid_t> processes_naming(const std::filesystem::path& path);

// Sends SIGKILL to what marked_processes lists until two scans 100 ms apart find nothing. Gives up
// after limit_ms. Returns whether nothing is left.
bool kill_marked(const SessionMark& mark, const std::vector<pid_t>& spared, int limit_ms);

} // namespace base
