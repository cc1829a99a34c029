// A crash report with all that a kernel's own files say of it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "harness/report/crash.hpp"

namespace harness {

// Where to look. Each may be empty: then what needs it is left out.
struct SymbolSources {
  std::filesystem::path vmlinux; // with debug information
  std::filesystem::path modules; // a folder with the .ko files below it, with debug information
  std::filesystem::path source;  // the kernel tree, for source lines and maintainers
  std::filesystem::path strip;   // the folder the kernel was built in; empty: as the vmlinux says
};

struct ExplainedReport {
  std::string text;                     // the report with files and lines, inlined frames too
  std::vector<std::string> warnings;    // for people, one line each; nothing is said twice
  std::vector<std::string> files;       // that the frames name, the guilty one first where it is
                                        // known; unique
  std::vector<std::string> maintainers; // of the guilty file, "Name <mail> (role)"; empty where it
                                        // is not known
  std::string disassembly;              // of the "Code:" lines; empty where there is none
};

// Opens vmlinux and modules once; the second report of the same kernel costs no more than its
// lookups. One thread at a time.
class Decoder {
 public:
  // Throws base::Error where there is a vmlinux that has no symbols or DWARF, base::SysError where
  // it cannot be read. A module that cannot be used is a warning of a report that names it.
  explicit Decoder(SymbolSources sources);
  Decoder(Decoder&&) noexcept;
  Decoder& operator=(Decoder&&) noexcept;
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder();

  // log: the whole console that the report is from, for what it says once of a boot; may be empty.
  // A vmlinux or module of another release or build id is said in warnings; functions are then
  // still resolved where name, size and offset fit. Any bytes are accepted.
  ExplainedReport explain(const CrashReport& report, std::string_view log) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

} // namespace harness
