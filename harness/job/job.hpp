// A job file: what is tried, where, and what is expected.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "harness/monitor/monitor.hpp"
#include "harness/program/program.hpp"

namespace harness {

// Fragments of images/kernel that a job without [kernel] config gets.
std::vector<std::string> default_fragments();

struct Job {
  std::filesystem::path file;
  std::string name;

  // [kernel]: a tree with config fragments, or an image.
  std::filesystem::path tree;  // empty when image is set
  std::filesystem::path image; // vmlinux or bzImage; empty when tree is set
  std::vector<std::string> config = default_fragments();
  std::vector<std::string> modules;  // loaded in the guest before the program, with what they need
  std::filesystem::path modules_dir; // where they are: a /lib/modules/<release>

  // [vm]
  unsigned cpus = 2;
  std::uint64_t memory = 512u << 20; // bytes
  std::string backend = "auto";
  std::string append;

  // [reproducer]
  std::filesystem::path reproducer;
  Program program;
  RunLimits limits;
  // Set in the guest before the program: "kernel.panic=1", or a path and its value. Nothing: the
  // limits of hang_limits().
  std::optional<std::vector<std::string>> sysctls;

  // [expect]: what counts as this bug. Both empty: what the first run shows.
  std::string expect_title;              // shell pattern
  std::vector<std::string> expect_files; // path prefixes

  // [bisect]
  std::string bad = "HEAD";
  std::string good; // empty: walk the releases
  std::string releases = "v[0-9]*";
  unsigned runs = 10; // at most this many a revision
};

// The kernel's own detection of hung tasks, lockups and stalls, tightened: settings for a guest
// that is that many times slower than hardware.
std::vector<std::string> hang_limits(double slowdown);

// Reads and checks a job file and its reproducer. Throws base::UsageError (file:line:column).
Job load_job(const std::filesystem::path& file);

} // namespace harness
