// Which compiler, make variables, configuration changes and source fixups fit which kernel:
// images/toolchains.toml.
#pragma once

#include <compare>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/kernel/config.hpp"

namespace harness {

// Of a kernel. "4.8" is {4, 8, 0}.
struct Version {
  int version = 0;
  int patchlevel = 0;
  int sublevel = 0;
  auto operator<=>(const Version&) const = default; // NOLINT(modernize-use-nullptr): clang 14
  std::string text() const;
};

// From the top Makefile's VERSION, PATCHLEVEL, SUBLEVEL lines. Throws ConfigError where they are
// not there; what names the revision.
Version version_of_makefile(std::string_view makefile, const std::string& what);

// Text of a source file that is replaced, literally, in krepro's checkout.
struct Fixup {
  std::string file;
  std::string find; // must be there exactly once
  std::string replace;
  bool if_found = false; // fine where it is not there at all
  std::string where;     // "toolchains.toml:line:column"
};

struct Toolchain {
  std::string name;
  Version from;
  Version below;
  std::string compiler;                                  // "gcc-9"
  std::vector<std::pair<std::string, std::string>> make; // "{compiler}" stands for its path
  std::vector<ConfigLine> config;                        // over the fragments
  std::vector<Fixup> fixups;

  // All that changes what is built, as text: equal texts build equal kernels.
  std::string text() const;
};

class Toolchains {
 public:
  // Throws base::UsageError "file:line:column: ..." on a mistake.
  explicit Toolchains(const std::filesystem::path& file);
  // The first entry that covers the version. Throws ConfigError.
  const Toolchain& pick(const Version& version) const;

 private:
  std::string file_;
  std::vector<Toolchain> entries_;
};

struct Compiler {
  std::filesystem::path program;
  std::string identity; // first line of --version: "gcc (Debian 12.2.0-14+deb12u1) 12.2.0"
};

// From PATH, else cache/toolchains/NAME/bin/NAME, where images/toolchain puts it. Throws
// base::Error with the next step where it is in neither.
Compiler find_compiler(const std::string& name, const std::filesystem::path& cache);

// First line of `ld --version`.
std::string linker_identity();

// In the checkout. Throws ConfigError where the text to find is not there exactly once.
void apply_fixups(const Toolchain& toolchain, const std::filesystem::path& source);

} // namespace harness
