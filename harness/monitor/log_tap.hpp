// The console of a guest without its serial port: the kernel's log, read from memory.
#pragma once

#include <memory>
#include <string>

#include "harness/backend/backend.hpp"
#include "harness/inspect/kernel_log.hpp"

namespace harness {

// On the port each character costs an exit, and a report has thousands. So the guest is told to
// keep its console quiet, and the log is read here. Where it cannot be read, the port is the
// console.
class LogTap {
 public:
  // From now on: what was logged before is passed over. The guest outlives the tap. kernel: may be
  // null.
  LogTap(Guest& guest, const KernelImage* kernel);

  // Whether the log is read.
  bool works() const { return reader_ != nullptr; }
  // Puts the new part of the log in place of what came on the port.
  void replace(GuestOutput& output);
  // What came on the port while the log was read.
  std::string take_port() { return std::move(port_); }

 private:
  void fall_back(GuestOutput& output, const std::string& why);

  std::unique_ptr<LogReader> reader_;
  std::string port_;
};

} // namespace harness
