// Addresses of a report into functions, files and lines, with inlined frames, through libdw.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace harness {

class DebugFile;

struct SourceFrame {
  std::string function; // demangled where it is Rust's
  std::string file;     // relative to the top of the kernel tree where it is below it
  int line = 0;         // 0: unknown
  bool inlined = false;
};

// Where the tree was when this kernel was built, with a last '/', as start_kernel() in init/main.c
// tells; "" where it does not, and where names in the file are relative to it.
std::string source_folder(const DebugFile& file);

// A file name without the folder top, which has a last '/', and without "." and "..".
std::string tree_path(const std::string& top, const std::string& file);

// What is at an address of the file: the innermost inlined frame first, the function that holds the
// code last. Empty where the debug information does not cover it. top: the folder, with a last '/',
// that is removed from file names; may be empty.
std::vector<SourceFrame> resolve_at(const DebugFile& file, const std::string& top,
                                    std::uint64_t address);

// The debug information of one vmlinux, mapped and read where it is needed. One thread at a time.
class Symbolizer {
 public:
  // strip: the folder the kernel was built in, removed from file names; empty: the one that the
  // debug information of init/main.c names. Throws base::Error where the file is no ELF with DWARF
  // and symbols, base::SysError where it cannot be read.
  Symbolizer(const std::filesystem::path& vmlinux, const std::filesystem::path& strip);
  Symbolizer(Symbolizer&&) noexcept;
  Symbolizer& operator=(Symbolizer&&) noexcept;
  Symbolizer(const Symbolizer&) = delete;
  Symbolizer& operator=(const Symbolizer&) = delete;
  ~Symbolizer();

  const DebugFile& file() const;
  // The folder that is removed from file names, with a last '/'; empty where it is not known.
  const std::string& top() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

} // namespace harness
