// The logs of tests/data/report: a header with what is known of the crash, an empty line, the log.
#pragma once

#include <string>

#include "vmm/base/files.hpp"

// The log of <name>.log without its header.
inline std::string golden_log(const std::string& name) {
  const std::string bytes = base::read_file(KREPRO_TEST_DATA "/report/" + name + ".log");
  return bytes.substr(bytes.find("\n\n") + 2);
}
