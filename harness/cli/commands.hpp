// krepro's subcommands: their options, and the functions that carry them out.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace harness::cli {

// What `git bisect run` makes of them is why they are what they are.
enum ExitCode : int {
  exit_good = 0,
  exit_bad = 1,
  exit_cannot_judge = 125,
  exit_usage = 129,
  exit_infrastructure = 131, // 128 + signal (130, 143) when interrupted
};

// What several subcommands share.
struct Common {
  std::filesystem::path job;
  std::string tree;        // --tree; empty: the job's
  std::string backend;     // --backend; empty: the job's
  unsigned jobs = 0;       // -j: guests at once; 0: as CPUs and memory allow
  bool fresh_boot = false; // a boot for each run, no clones
};

struct RunOptions {
  Common common;
  std::string kernel;   // --kernel: a vmlinux or bzImage instead of the job's
  std::string revision; // --revision; empty: HEAD
  unsigned runs = 1;    // ends with the first crash
  bool json = false;    // what a run showed, to standard output; words for people to the other
  bool verbose = false; // each stage of a run to standard error
};

struct BuildOptions {
  Common common;
  std::string revision = "HEAD";
  std::vector<std::string> config;
};

struct BisectOptions {
  Common common;
  std::string bad;   // --bad; empty: the job's
  std::string good;  // --good
  unsigned runs = 0; // 0: the job's
  bool json = false; // the result, to standard output; the transcript to the other
  bool restart = false;
};

struct BootOptions {
  std::string kernel;           // vmlinux or bzImage
  std::string initrd;           // --initrd; empty: a shell of the host's busybox
  std::string append;           // --append
  std::string backend = "auto"; // --backend
  unsigned cpus = 2;
  std::uint64_t memory = 512u << 20; // bytes
};

struct ReportOptions {
  std::vector<std::string> logs; // files; "-": standard input; none: that too
  std::string vmlinux;           // --vmlinux; empty: functions have no files and lines
  std::string modules;           // --modules: a folder with .ko files; may be empty
  std::string source;            // --source: the kernel tree; may be empty
  std::string format = "text";   // or json, jsonl, html
};

int run(const RunOptions& options);
int build(const BuildOptions& options);
int bisect(const BisectOptions& options);
int bisect_status();
int bisect_log();
int bisect_undo();
int bisect_resume();
int boot(const BootOptions& options);
int report(const ReportOptions& options);
int doctor();

} // namespace harness::cli
