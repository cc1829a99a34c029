// PID 1 at work: talks to the host, starts the program, watches and reaps it.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "guest/agent/channel.hpp"
#include "guest/agent/runner.hpp"
#include "guest/wire.hpp"

namespace guest {

class Supervisor {
 public:
  explicit Supervisor(Channel& channel) : channel_(channel) {}
  // Serves the host until it says power_off.
  [[noreturn]] void run();

 private:
  void say_hello();
  int poll_timeout_ms() const;
  void handle(const Frame& frame);
  void set_up(const std::string& payload);
  void arm();
  void wake(const std::string& payload);
  void start_program();
  [[noreturn]] void be_program(int reports);
  void take_reports();
  void collect(const Frame& report);
  void forward_reports();
  void reap();
  void program_ended(int status);
  void check_deadline();
  void dump();

  Channel& channel_;
  std::uint64_t next_hello_ms_ = 0; // uptime
  std::optional<Setup> setup_;
  std::optional<std::string> pending_; // a program that came before setup
  bool taken_ = false;                 // a program came; there is one per boot
  bool held_ = false;                  // it waits for wake
  std::optional<Program> program_;
  Board* board_ = nullptr;
  pid_t child_ = -1;              // -1: none, or reaped
  int reports_ = -1;              // -1: none, or closed by the child
  Decoder decoder_;               // of reports_
  std::vector<Begin> begun_;      // steps that go on, not forwarded yet
  std::vector<Step> ended_;       // likewise
  std::uint64_t forward_ms_ = 0;  // uptime when they are due; 0: there are none
  std::uint64_t deadline_ms_ = 0; // uptime; 0: none, or past
};

} // namespace guest
