// Other programs, run to their end: own process group, killed with krepro, a deadline that kills
// the whole group, an error that carries command, output and status.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace base {

// How a process ended (waitpid's status word, decoded).
class WaitStatus {
 public:
  explicit WaitStatus(int word) : word_(word) {}
  bool success() const;
  // The exit code; nothing if a signal ended it.
  std::optional<int> exit_code() const;
  // The signal; nothing if it exited.
  std::optional<int> signal() const;
  // "exit code 2", "killed by signal 9".
  std::string text() const;

 private:
  int word_;
};

struct Command {
  std::vector<std::string> argv;                        // argv[0] is looked up in PATH
  std::filesystem::path cwd;                            // empty: krepro's
  std::vector<std::pair<std::string, std::string>> env; // added to krepro's environment
  std::string input;                                    // standard input; /dev/null when empty
  std::chrono::milliseconds deadline{0}; // 0: none; when it passes the group gets SIGKILL
  std::filesystem::path log;             // when set, stdout and stderr go there as well
  bool merge_stderr = false;             // stderr into stdout, in order
  // Called with each complete line of stdout (without newline) as it comes; may be empty.
  std::function<void(std::string_view)> on_line;
};

struct Finished {
  WaitStatus status;
  bool timed_out = false;
  std::string out; // standard output, whole
  std::string err; // standard error, whole; empty under merge_stderr
  std::chrono::milliseconds elapsed{0};
};

// Runs a command to its end. A non-zero status is a value, not an error. Throws SysError where it
// cannot be started (its code() is ENOENT for an unknown program), Interrupted on ^C (the group is
// killed first).
Finished run_command(const Command& command);

// As run_command, and throws Error with the command, its status and the last lines it printed if it
// did not succeed. Returns standard output.
std::string check_output(const Command& command);

// A command for people: words quoted for sh where needed.
std::string quote(const std::vector<std::string>& argv);

} // namespace base
