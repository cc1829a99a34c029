// Kernel configuration: fragments, merged over tinyconfig, and what became of them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vmm/base/error.hpp"

namespace harness {

// krepro's fragments or toolchain table do not fit a revision: an option did not survive, a fixup
// does not match, no toolchain is known. Another revision may well fit: exit code 125.
class ConfigError : public base::Error {
 public:
  using base::Error::Error;
};

// "CONFIG_X=y", "# CONFIG_X is not set".
struct ConfigLine {
  std::string name;      // "CONFIG_X"
  std::string value;     // "y", "\"text\"", "16"; "n" for "is not set"
  bool optional = false; // need not survive
  std::string where;     // "file:line", for errors
};

// Nothing for any other line; where is empty.
std::optional<ConfigLine> parse_config_line(std::string_view line);

// Fragments are in kconfig's syntax. A comment that starts with "# optional" makes the lines up to
// the next blank line optional: this kernel may not have them. Throws base::UsageError "file:line:
// ..." on any other line.
std::vector<ConfigLine> parse_fragment(std::string_view text, const std::string& file);

// A name in images/kernel ("lockdep"), or a path (it has a '/' or ends in ".config"). Throws
// base::UsageError with the nearest known name where there is no such file.
std::filesystem::path fragment_file(const std::filesystem::path& images, const std::string& name);

// The lines in order, each option once: the last one counts.
std::vector<ConfigLine> merge_config(const std::vector<ConfigLine>& lines);
std::string config_text(const std::vector<ConfigLine>& lines);

struct LostOption {
  std::string name; // "CONFIG_X"
  std::string text; // "vhost.config:12: CONFIG_X=y did not survive olddefconfig (is not set)"
};

// The merged, not optional lines that the final .config contradicts. An option that is not in it is
// off.
std::vector<LostOption> lost_options(const std::vector<ConfigLine>& merged,
                                     std::string_view final_config);

} // namespace harness
