// The "Code:" lines of a report as listings for people.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/report/annotate.hpp"
#include "harness/report/code.hpp"
#include "harness/report/symbolize.hpp"

namespace harness {

// What is known of the code around the faulting byte. Offsets are in bytes from that.
struct CodeView {
  std::optional<std::size_t> anchor; // see CodeSite
  // Both may be empty, and may give nothing.
  std::function<std::string(std::int64_t offset)> name;
  std::function<SourceFrame(std::int64_t offset)> line; // without its function
};

// A listing of each "Code:" line of the report, with what view gives of the instruction pointer
// that stands before it; "" where there is none. Each starts with a line "Code: at
// function+0x1/0x2"; an instruction's line has its offset in the function (in the line, where no
// function is known), its bytes and its text, the faulting one starts with '>'. A line "file:line:
// text" stands before the instructions it became, where view knows it; text comes from the tree
// source, which may be empty.
std::string list_code(std::string_view report,
                      const std::function<CodeView(const Place& pointer)>& view,
                      const std::filesystem::path& source);

} // namespace harness
