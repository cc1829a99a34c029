// What the kernel's own files say of one report.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "harness/report/annotate.hpp"
#include "harness/report/listing.hpp"
#include "harness/report/log_facts.hpp"
#include "harness/report/modules.hpp"
#include "harness/report/symbolize.hpp"

namespace harness {

// Looks up the places of one report, and keeps what has to be said of it. kernel and modules
// outlive it.
class Explanation {
 public:
  Explanation(const std::optional<Symbolizer>& kernel, ModuleFolder& modules, LogFacts facts);

  // A line with an address and its symbol tells what KASLR added, where the log does not.
  void learn_offset(std::string_view report);

  // The frames of a place, the innermost inlined one first; empty: not known.
  std::vector<SourceFrame> look_up(const Place& place);

  // The file that the report itself blames, without the folder the kernel was built in; "" where it
  // names none.
  std::string blamed_file(std::string_view report) const;

  // Whether the tree is of the kernel's version, as far as its Makefile says: a warning if not.
  void check_tree(const std::filesystem::path& tree);

  // list_code() of the report; "" with a warning where capstone is not there.
  std::string listing(std::string_view report, const std::filesystem::path& source);

  // What was wrong with the files for what was asked until now, for people; nothing twice.
  std::vector<std::string> take_warnings() { return std::move(warnings_); }

 private:
  // Where a place's function starts.
  struct Found {
    const DebugFile* file = nullptr; // null: not known
    std::uint64_t start = 0;         // address of the function
    std::uint64_t address = 0;       // of the place as the line has it
  };

  void warn(const std::optional<std::string>& text);
  const DebugFile* file_of(const Place& place);
  void check_size(const DebugFile& file, const Place& place);
  Found find(const Place& place);
  CodeView view(const Place& pointer); // the code around an instruction pointer
  std::string top() const;

  const std::optional<Symbolizer>& kernel_;
  ModuleFolder& modules_;
  LogFacts facts_;
  std::vector<std::string> warnings_;
  std::set<const DebugFile*> other_builds_; // of which that was said
};

} // namespace harness
