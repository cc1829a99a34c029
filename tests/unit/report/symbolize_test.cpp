#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "harness/report/decoder.hpp"
#include "harness/report/explanation.hpp"
#include "tests/unit/report/tools.hpp"
#include "vmm/base/error.hpp"

using namespace harness;

namespace {

const std::string elf = KREPRO_INLINES_ELF;

std::string text_of(const std::vector<SourceFrame>& frames) {
  std::string all;
  for (const SourceFrame& frame : frames)
    all += fmt::format("{} {}:{}\n", frame.function,
                       std::filesystem::path(frame.file).filename().string(), frame.line);
  return all;
}

// Places of one file, looked up as those of a report are.
class Symbols {
 public:
  Symbols(const std::string& program, const std::string& strip)
      : kernel_(std::in_place, program, strip) {}

  std::vector<SourceFrame> look_up(std::string_view function, std::size_t offset, std::size_t size,
                                   bool return_address) const {
    ModuleFolder modules("");
    Place place;
    place.frame.function = function;
    place.frame.offset = offset;
    place.frame.size = size;
    place.return_address = return_address;
    return Explanation(kernel_, modules, {}).look_up(place);
  }

 private:
  std::optional<Symbolizer> kernel_;
};

// The offset in outer of the return address that has all three functions at it.
std::size_t deepest(const Symbols& symbols, const Function& outer) {
  for (std::size_t offset = 1; offset < outer.size; ++offset)
    if (symbols.look_up("outer", offset, outer.size, true).size() == 3)
      return offset;
  return 0;
}

// What a report of this text becomes.
std::string decoded(const std::string& text) {
  static const Decoder decoder({elf, {}, {}, KREPRO_TEST_DATA});
  CrashReport report;
  report.text = text;
  return decoder.explain(report, "").text;
}

} // namespace

TEST_CASE("every address of a function agrees with addr2line") {
  const std::string program = elf + GENERATE("", "-gdwarf-4", "-gz");
  Symbols symbols(program, "");
  Function outer = function_of(program, "outer");
  REQUIRE(outer.size > 4);
  for (std::size_t offset = 1; offset < outer.size; ++offset) {
    INFO(offset);
    CHECK(text_of(symbols.look_up("outer", offset, outer.size, false)) ==
          addr2line(program, outer.address + offset));
    CHECK(text_of(symbols.look_up("outer", offset, outer.size, true)) ==
          addr2line(program, outer.address + offset - 1));
  }
}

TEST_CASE("inlined frames come first, with files below the stripped folder") {
  Symbols symbols(elf, KREPRO_TEST_DATA);
  Function outer = function_of(elf, "outer");
  auto frames = symbols.look_up("outer", deepest(symbols, outer), outer.size, true);
  REQUIRE(frames.size() == 3);
  CHECK(frames[0].function == "innermost");
  CHECK(frames[0].inlined);
  CHECK(frames[1].function == "middle");
  CHECK(frames[1].line == line_of("inlines.c", "middle"));
  CHECK(frames[2].function == "outer");
  CHECK(frames[2].line == line_of("inlines.c", "outer"));
  CHECK_FALSE(frames[2].inlined);
  CHECK(frames[2].file == "report/inlines.c");
}

TEST_CASE("what does not fit gives nothing") {
  Symbols symbols(elf, "");
  Function outer = function_of(elf, "outer");
  CHECK(symbols.look_up("outer", 1, outer.size + 4096, true).empty());
  CHECK(symbols.look_up("outer", outer.size + 1, outer.size, true).empty());
  CHECK(symbols.look_up("outer", 0, outer.size, true).empty());
  CHECK(symbols.look_up("no_such_function", 1, 2, true).empty());
}

TEST_CASE("a report is decoded in place") {
  Symbols symbols(elf, KREPRO_TEST_DATA);
  Function outer = function_of(elf, "outer");
  std::string symbol = fmt::format("outer+{:#x}/{:#x}", deepest(symbols, outer), outer.size);
  std::string last = fmt::format("{} report/inlines.c:{}", symbol, line_of("inlines.c", "outer"));
  std::string middle =
      fmt::format("middle report/inlines.c:{} [inline]", line_of("inlines.c", "middle"));
  CHECK(decoded(" " + symbol + "\n").ends_with("\n " + middle + "\n " + last + "\n"));
  std::string old = decoded(" [<ffffffff81234567>] " + symbol + "\n");
  CHECK(
      old.ends_with(" [<     inline     >] " + middle + "\n [<ffffffff81234567>] " + last + "\n"));
  std::string at = decoded("(&lock){+.+.}-{3:3}, at: " + symbol + "\n");
  CHECK(at.ends_with("(&lock){+.+.}-{3:3}, at: " + middle + "\n(&lock){+.+.}-{3:3}, at: " + last +
                     "\n"));
  std::string ip = fmt::format("RIP: 0010:outer+0x0/{:#x}\n", outer.size);
  CHECK(decoded(ip).find("report/inlines.c:") != std::string::npos);
  for (const char* label : {"RIP  [<ffffffff81234567>] ", "pc : ", "PC is at "})
    CHECK(
        decoded(fmt::format("{}outer+0x0/{:#x}\n", label, outer.size)).find("report/inlines.c:") !=
        std::string::npos);
  // a return address is none of the function's first byte
  CHECK(decoded(fmt::format("lr : outer+0x0/{:#x}\n", outer.size)).find(".c:") ==
        std::string::npos);
  CHECK(decoded(fmt::format("lr : outer+0x4/{:#x}\n", outer.size)).find(".c:") !=
        std::string::npos);
  for (const std::string& same : {" " + symbol + " [module]\n", std::string("Call Trace:\n"),
                                  " " + last + "\n", std::string(" unknown+0x1/0x2\n")})
    CHECK(decoded(same) == same);
}

TEST_CASE("files of a report, the guilty one first") {
  Symbols symbols(elf, KREPRO_TEST_DATA);
  Function outer = function_of(elf, "outer");
  CrashReport report;
  report.frame = "outer";
  report.text =
      fmt::format("WARNING: CPU: 0 PID: 1 at a/b.c:1 f+0x1/0x2\nCall Trace:\n outer+{:#x}/{:#x}\n",
                  deepest(symbols, outer), outer.size);
  const Decoder decoder({elf, {}, {}, KREPRO_TEST_DATA});
  const std::vector<std::string> files = decoder.explain(report, "").files;
  REQUIRE(files.size() == 1);
  CHECK(files[0] == "report/inlines.c");
}

TEST_CASE("a file without symbols or debug information is refused with its name") {
  CHECK_THROWS_WITH(Symbolizer(KREPRO_TEST_DATA "/report/inlines.c", ""),
                    Catch::Contains("inlines.c: not an ELF file"));
  CHECK_THROWS_AS(Symbolizer("/no/such/vmlinux", ""), base::SysError);
}
