// What a reproducer does: read, checked, encoded for the agent.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace harness {

struct Program {
  std::string encoded; // guest/program.hpp
  std::vector<std::string>
      step_names; // one a step, for people: "iotlb update iova=0x0 size=0x0 (vhost.seq.toml:12)"
};

// A sequence file (TOML). Throws base::UsageError, one line: file:line:column: what, what was
// expected, "(did you mean 'x'?)".
Program load_sequence(const std::filesystem::path& file);

} // namespace harness
