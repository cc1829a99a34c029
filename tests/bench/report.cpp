// How fast console logs are searched for crashes: 64 MiB without one and with one at the end,
// beside grep with the same start words in the same round; the worst inputs; a folder of logs.
// Prints figures of this run, asserts nothing. usage: bench_report [CORPUS]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "harness/report/crash.hpp"
#include "harness/report/kinds.hpp"
#include "tests/bench/bench.hpp"
#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"
#include "vmm/base/text.hpp"

namespace {

using bench::median;

namespace fs = std::filesystem;

constexpr std::size_t size = std::size_t{64} << 20;
constexpr int rounds = 5;

// CPU time of this process and of its children that ended: what else the machine does counts less.
double used_seconds() {
  double seconds = 0;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    struct rusage usage {};
    ::getrusage(who, &usage);
    for (const timeval& part : {usage.ru_utime, usage.ru_stime})
      seconds += static_cast<double>(part.tv_sec) + static_cast<double>(part.tv_usec) / 1e6;
  }
  return seconds;
}

double seconds_of(const std::function<void()>& work) {
  const double start = used_seconds();
  work();
  return used_seconds() - start;
}

double megabytes(std::size_t bytes) { return static_cast<double>(bytes) / 1e6; }

// The console log of a boot, again and again, each line with a time stamp of its own.
std::string quiet_log() {
  std::string boot = base::read_file(KREPRO_TEST_DATA "/report/none-good-boot-captured.log");
  boot.erase(0, boot.find("\n\n") + 2);
  std::vector<std::string> lines;
  for (std::string_view line : base::lines_of(boot)) {
    const std::size_t stamp = line.starts_with('[') ? line.find(']') : std::string_view::npos;
    lines.emplace_back(stamp == std::string_view::npos ? line : line.substr(stamp + 1));
  }
  std::string log;
  log.reserve(size + 4096);
  for (std::size_t i = 0; log.size() < size; ++i)
    log += fmt::format("[{:5}.{:06}]{}\n", i / 1000, i * 7919 % 1000000, lines[i % lines.size()]);
  return log;
}

const std::string crash = "[99999.000001] BUG: KASAN: use-after-free in f+0x1/0x20\n"
                          "[99999.000002] Read of size 8 at addr ffff888012345678 by task a/1\n"
                          "[99999.000003] Call Trace:\n"
                          "[99999.000004]  dump_stack+0x1/0x2\n"
                          "[99999.000005]  guilty+0x1/0x20\n"
                          "[99999.000006]  do_syscall_64+0x1/0x2\n";

std::string repeated(const std::string& piece) {
  std::string log;
  log.reserve(size + piece.size());
  while (log.size() < size)
    log += piece;
  return log;
}

std::string numbered(const char* form, std::size_t count) {
  std::string log;
  for (std::size_t i = 0; i < count; ++i)
    log += fmt::format(fmt::runtime(form), i % 9999 + 1);
  return log;
}

std::set<std::string_view> start_words() {
  std::set<std::string_view> words;
  for (const harness::CompiledKind& kind : harness::kinds())
    words.insert(kind.kind.start);
  return words;
}

// The start words as a pattern of grep -E.
std::string grep_pattern() {
  std::string pattern;
  for (std::string_view word : start_words()) {
    pattern += pattern.empty() ? "" : "|";
    for (char c : word)
      pattern += std::string_view("[](){}.*+?^$|\\").find(c) != std::string_view::npos
                     ? fmt::format("\\{}", c)
                     : std::string(1, c);
  }
  return pattern;
}

double grep_seconds(const fs::path& log, const fs::path& pattern) {
  // To a file: grep stops at its first match where what it writes is thrown away.
  const std::string command = fmt::format("LC_ALL=C grep -aE -f '{}' '{}' >'{}.out'",
                                          pattern.string(), log.string(), log.string());
  return seconds_of([&] {
    const int status = std::system(command.c_str());
    if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
      throw base::Error("grep failed: " + command);
  });
}

void against_grep(const char* name, const std::string& log, const fs::path& folder,
                  std::size_t expected) {
  base::write_file(folder / "log", log);
  base::write_file(folder / "pattern", grep_pattern() + "\n");
  std::vector<double> own;
  std::vector<double> ratios;
  std::vector<double> grep;
  for (int round = -1; round < rounds; ++round) { // one to warm up
    const double ours = seconds_of([&] {
      if (harness::parse_log(log).size() != expected)
        throw base::Error("the parser found other crashes than were put there");
    });
    const double theirs = grep_seconds(folder / "log", folder / "pattern");
    if (round < 0)
      continue;
    own.push_back(megabytes(log.size()) / ours);
    grep.push_back(megabytes(log.size()) / theirs);
    ratios.push_back(theirs / ours);
  }
  fmt::print("{:<34} {:6.0f} MB/s, grep -aE {:6.0f} MB/s; {:.2f} times grep (median round)\n", name,
             median(own), median(grep), median(ratios));
}

struct Input {
  const char* name;
  std::string log;
};

// One after the other, that only one is in memory.
std::vector<std::function<Input()>> worst_inputs() {
  return {
      [] {
        return Input{"\"BUG: \" on each line", repeated("BUG: \n")};
      },
      [] {
        return Input{"\"WARNING: \" on each line", repeated("WARNING: \n")};
      },
      [] {
        return Input{"\"list_\" on each line", repeated("list_\n")};
      },
      [] {
        return Input{"\"list_ list_ ...\", long lines", repeated(std::string(700, ' ') + "\n" + [] {
                       std::string line;
                       while (line.size() < 4090)
                         line += "list_ ";
                       return line;
                     }() + "\n")};
      },
      [] {
        std::string line;
        for (std::string_view word : start_words())
          line += std::string(word.substr(0, word.size())) + "\x01 ";
        return Input{"all start words on each line", repeated(line + "\n")};
      },
      [] {
        std::string line;
        for (std::string_view word : start_words())
          line += std::string(word.substr(0, word.size() - 1)) + "\x01 ";
        return Input{"all start words but a byte", repeated(line + "\n")};
      },
      [] {
        return Input{
            "start words before 4 KiB lines",
            repeated("BUG: INFO: WARNING: INFO: task /1 : at " + std::string(4000, ':') + "\n")};
      },
      [] {
        return Input{"lines of 1 MiB", repeated("BUG: " + std::string(1 << 20, ':') + "\n")};
      },
      [] {
        return Input{"no newline", repeated("INFO: task ")};
      },
      [] {
        return Input{"only newlines", std::string(size, '\n')};
      },
      [] {
        return Input{"only NULs", std::string(size, '\0')};
      },
      [] {
        return Input{"only spaces", std::string(size, ' ')};
      },
      [] {
        return Input{"only \"[\"", std::string(size, '[')};
      },
      [] {
        return Input{"only \"K\"", "BUG: x\n" + std::string(size, 'K')};
      },
      [] {
        return Input{"9999 contexts with near-starts",
                     numbered("[    1.000000][ T{}] WARNING: x\n", size / 30)};
      },
      [] {
        return Input{"crashes in 9999 contexts",
                     numbered("[    1.000000][ T{}] BUG: x\n", size / 30)};
      },
      [] {
        return Input{"crashes on each line", repeated("BUG: KASAN: use-after-free in f+0x1/0x2\n")};
      },
      [] {
        return Input{"oopses on each line", repeated("Oops: 0002 [#1]\n")};
      },
  };
}

void worst() {
  for (const auto& make : worst_inputs()) {
    const Input input = make();
    std::size_t found = 0;
    const double seconds = seconds_of([&] { found = harness::parse_log(input.log).size(); });
    fmt::print("{:<34} {:6.0f} MB/s, {} crashes\n", input.name,
               megabytes(input.log.size()) / seconds, found);
  }
}

// What the cap on reports allows a small log to cost at most, whatever its size: each report looks
// at a whole window, of other contexts' lines or of its own.
void most_reports() {
  std::string foreign = numbered("[T{}] BUG: x\n", 100);
  foreign += numbered("[T{}] a\n", (std::size_t{256} << 10) / 9);
  std::string short_lines;
  std::string locks;
  for (int i = 0; i < 100; ++i) {
    short_lines += "BUG: x\n";
    locks += "WARNING: possible circular locking dependency detected\n";
    for (int line = 0; line < 598; ++line) {
      short_lines += "{\n";
      locks += " f+0x1/0x2\n";
    }
  }
  for (const auto& [name, log] : {Input{"100 crashes over foreign lines", foreign},
                                  Input{"100 crashes of 600 short lines", short_lines},
                                  Input{"100 deadlocks of 600 frames", locks}}) {
    std::size_t found = 0;
    const double seconds =
        seconds_of([&, &text = log] { found = harness::parse_log(text).size(); });
    fmt::print("{:<34} {:6.0f} MB/s, {:.0f} ms for {} KiB, {} crashes\n", name,
               megabytes(log.size()) / seconds, seconds * 1e3, log.size() >> 10, found);
  }
}

void corpus(const fs::path& folder) {
  std::vector<std::string> logs;
  std::size_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.is_regular_file()) {
      logs.push_back(base::read_file(entry.path()));
      bytes += logs.back().size();
    }
  std::vector<double> passes;
  for (int pass = 0; pass < rounds; ++pass)
    passes.push_back(seconds_of([&] {
      for (const std::string& log : logs)
        harness::parse_log(log);
    }));
  const double each = 1e3 / static_cast<double>(std::max<std::size_t>(logs.size(), 1));
  fmt::print("{} logs, {} KiB: {:.3f} ms a log in the first pass, {:.3f} ms later (median)\n",
             logs.size(), bytes >> 10, passes.front() * each, median(passes) * each);
}

int run(int argc, char** argv) {
  const base::TempDir folder(fs::temp_directory_path(), "krepro-bench-");
  if (argc > 1)
    corpus(argv[1]);
  const std::string quiet = quiet_log();
  against_grep("no crash", quiet, folder.path(), 0);
  against_grep("a crash at the end", quiet + crash, folder.path(), 1);
  most_reports();
  worst();
  return 0;
}

} // namespace

int main(int argc, char** argv) { return bench::run_main("bench_report", run, argc, argv); }
