// What the kernel of a guest that did not come up had to say, console or no console.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "harness/backend/backend.hpp"
#include "harness/inspect/kernel_log.hpp"
#include "harness/monitor/outcome.hpp"
#include "harness/report/crash.hpp"

namespace harness {

// The lines of a kernel's log after the last one that its console shows; all of it where it shows
// none. Carriage returns of the console do not count.
std::string_view unshown_part(std::string_view log, std::string_view console);

// The last line with anything on it, without its newline and carriage return; "" where there is
// none.
std::string_view last_line(std::string_view text);

// Puts text below a console, behind a line that says where it is from: "read from ...".
void add_below(std::string& console, std::string_view source, std::string_view text);

// Reads the log of one guest from its memory.
class LastWords {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // Both are borrowed. kernel is null where nobody can look.
  LastWords(Guest& guest, const KernelImage* kernel, TimePoint start);

  // While a guest boots and its console shows nothing: looks at the log now and then, because
  // memory may be gone with the guest when it dies. Whatever the backend fails in is left for
  // others to see. True once the log shows a crash.
  bool listen(TimePoint now);
  // How long such a guest may go unheard.
  static constexpr std::chrono::milliseconds patience{50};

  // Of a boot failure, while the guest is not yet stopped: its console gets what of the kernel's
  // log it lacks, and the detail says how far the kernel came. Other outcomes stay as they are.
  void tell(Outcome& outcome);

 private:
  bool open();
  void read(bool rest);

  Guest& guest_;
  const KernelImage* kernel_;
  TimePoint start_;
  std::optional<LogReader> reader_;
  CrashScanner scanner_;
  std::string log_;
  std::string why_; // it cannot be read
};

} // namespace harness
