// What the benchmarks share.
#pragma once

#include <algorithm>
#include <exception>
#include <vector>

#include <fmt/format.h>

namespace bench {

// Of at least one value; the upper one of two.
inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// The body of a benchmark's main(): an error is one line, and exit code 1.
inline int run_main(const char* name, int (*run)(int, char**), int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: {}\n", name, error.what());
    return 1;
  }
}

} // namespace bench
