// What is under way, for people who wait.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "harness/bisect/events.hpp"

namespace harness {

// On a terminal one status line, rewritten at each event and each second, with the elapsed time;
// wiped before anything else is told, so give it each event before the transcript. Elsewhere one
// line at the start of each build and run.
class Progress {
 public:
  // out is borrowed, usually stderr. terminal: isatty of it.
  Progress(std::FILE* out, bool terminal);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  void operator()(const Event& event);
  // For work that has no events: "config", "boot". A new headline starts the clock again.
  void headline(const std::string& text);
  void stage(std::string_view text);
  // Wipes the status line until the next headline or stage.
  void quiet();

 private:
  void tick();
  void draw(); // mutex_ held
  void wipe(); // mutex_ held

  std::FILE* out_;
  bool terminal_;
  std::mutex mutex_; // guards all below
  std::condition_variable wake_;
  std::string headline_;
  std::string stage_;
  std::chrono::steady_clock::time_point began_;
  bool drawn_ = false;
  bool active_ = false;
  bool stopping_ = false;
  std::thread ticker_; // terminals only
};

// "[1m2.0s] build 1a2b3c4d5e6f: CC drivers/vhost/vhost.o", cut to a width in characters.
std::string status_line(double seconds, std::string_view headline, std::string_view stage,
                        std::size_t width);

} // namespace harness
