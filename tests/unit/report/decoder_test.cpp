// A report with all that a kernel's files say of it. The kernel is report_inlines, the module
// kr-module.ko.
#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "harness/report/debug_file.hpp"
#include "harness/report/decoder.hpp"
#include "harness/report/demangle.hpp"
#include "harness/report/log_facts.hpp"
#include "harness/report/symbolize.hpp"
#include "tests/unit/report/tools.hpp"
#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"

using namespace harness;
namespace fs = std::filesystem;

namespace {

const std::string elf = KREPRO_INLINES_ELF;
const std::string module_file = KREPRO_MODULES "/net/kr-module.ko";
constexpr const char* kernel_id = "00112233445566778899aabbccddeeff01234567";
constexpr const char* module_id = "ffeeddccbbaa99887766554433221100fedcba98";
constexpr const char* other_id = "0000000000000000000000000000000000000000";

SymbolSources sources() {
  SymbolSources all;
  all.vmlinux = elf;
  all.modules = KREPRO_MODULES;
  all.strip = KREPRO_TEST_DATA;
  return all;
}

ExplainedReport explain(const std::string& text, const std::string& log = {},
                        const SymbolSources& from = sources()) {
  CrashReport report;
  report.text = text;
  report.frame = "outer";
  return Decoder(from).explain(report, log);
}

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// The offset of outer that lies in all three functions.
std::size_t deepest(const Function& outer) {
  const Symbolizer symbols(elf, "");
  for (std::size_t offset = 0; offset < outer.size; ++offset)
    if (resolve_at(symbols.file(), "", outer.address + offset).size() == 3)
      return offset;
  return 0;
}

// Every address of a module's function, decoded from a trace, as addr2line shows it.
void check_module(const std::string& name, const std::string& section) {
  const Function function = function_of(module_file, name);
  REQUIRE(function.size > 8);
  for (std::size_t offset = 1; offset <= function.size; ++offset) {
    const std::string line =
        fmt::format(" {}+{:#x}/{:#x} [kr_module]\n", name, offset, function.size);
    const ExplainedReport report = explain(line);
    CHECK(report.warnings.empty());
    std::string shown;
    for (std::string_view one : base::lines_of(report.text)) {
      const std::string text(one.substr(1));
      const std::string place = text.substr(text.find(' ') + 1);
      shown += fmt::format("{} {}\n", text.substr(0, text.find_first_of("+ ")),
                           fs::path(place.substr(0, place.find(' '))).filename().string());
    }
    INFO(report.text);
    CHECK(shown == addr2line(module_file, function.address + offset - 1, section));
  }
}

std::string code_line(std::string_view bytes, std::size_t fault) {
  std::string line = "Code:";
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::string byte = fmt::format("{:02x}", static_cast<unsigned char>(bytes[i]));
    line += i == fault ? " <" + byte + ">" : " " + byte;
  }
  return line + "\n";
}

} // namespace

TEST_CASE("functions of a module, in each of its sections, agree with addr2line") {
  check_module("module_work", ".text");
  check_module("module_start", ".init.text");
}

TEST_CASE("a module that is not there is said once") {
  const ExplainedReport report = explain(" f+0x1/0x2 [nosuch]\n g+0x1/0x2 [nosuch]\n");
  CHECK(report.text == " f+0x1/0x2 [nosuch]\n g+0x1/0x2 [nosuch]\n");
  REQUIRE(report.warnings.size() == 1);
  CHECK(has(report.warnings[0], "no nosuch.ko below"));
  SymbolSources from = sources();
  from.modules.clear();
  CHECK(has(explain(" f+0x1/0x2 [nosuch]\n", "", from).warnings.at(0), "no folder of modules"));
}

TEST_CASE("a packed module, and one without debug information, are said") {
  const base::TempDir folder(fs::temp_directory_path(), "krepro-modules-");
  base::write_file(folder.path() / "a/packed.ko.zst", "x");
  base::write_file(folder.path() / "b/text.ko", "x");
  SymbolSources from = sources();
  from.modules = folder.path();
  const ExplainedReport report = explain(" f+0x1/0x2 [packed]\n g+0x1/0x2 [text]\n", "", from);
  REQUIRE(report.warnings.size() == 2);
  CHECK(has(report.warnings[0], "packed.ko.zst: a packed module"));
  CHECK(has(report.warnings[1], "text.ko: not an ELF file"));
}

TEST_CASE("another release is said, of the kernel and of a module") {
  const std::string same = "CPU: 0 PID: 1 Comm: a b Not tainted 6.1.0-inlines #1\n";
  CHECK(explain(same).warnings.empty());
  const std::string frame = fmt::format(" module_work+0x1/{:#x} [kr_module]\n",
                                        function_of(module_file, "module_work").size);
  const auto warnings =
      explain("CPU: 0 PID: 1 Comm: x Tainted: G   W  6.12.1+ #3 PREEMPT\n" + frame).warnings;
  REQUIRE(warnings.size() == 2);
  CHECK(has(warnings[0], "vmlinux has release 6.1.0-inlines, the log is of 6.12.1+"));
  CHECK(has(warnings[1], "module kr_module has release 6.1.0-inlines"));
  CHECK(explain("x\n", "[    0.000000] Linux version 6.1.0-inlines (c@d)\n").warnings.empty());
  CHECK(explain("x\n", "[    0.000000] Linux version 6.1.0 (c@d)\n").warnings.size() == 1);
}

TEST_CASE("another build of the same release is said by the sizes of its functions") {
  const ExplainedReport report = explain(" outer+0x4/0x999\n main+0x1/0x998\n f+0x1/0x2\n");
  CHECK(report.text == " outer+0x4/0x999\n main+0x1/0x998\n f+0x1/0x2\n");
  REQUIRE(report.warnings.size() == 1);
  CHECK(report.warnings[0] == "vmlinux is of another build: its outer is not 0x999 bytes long");
}

TEST_CASE("another build id is said, of the kernel and of a module") {
  const std::string cpu = "CPU: 0 PID: 1 Comm: x Not tainted 6.1.0-inlines #1 ";
  const Function outer = function_of(elf, "outer");
  const Function work = function_of(module_file, "module_work");
  const auto text = [&](const std::string& kernel, const std::string& module) {
    return fmt::format("{}{}\n outer+{:#x}/{:#x} [{}]\n module_work+{:#x}/{:#x} [kr_module {}]\n",
                       cpu, kernel, outer.size, outer.size, kernel, work.size, work.size, module);
  };
  const ExplainedReport same = explain(text(kernel_id, module_id));
  CHECK(same.warnings.empty());
  CHECK(has(same.text, "report/inlines.c:"));
  CHECK(has(same.text, "report/module.c:"));
  const ExplainedReport other = explain(text(other_id, other_id));
  REQUIRE(other.warnings.size() == 2);
  CHECK(has(other.warnings[0], "vmlinux has build id 0011"));
  CHECK(has(other.warnings[1], "module kr_module has build id ffee"));
  CHECK(has(other.text, "report/inlines.c:")); // name and size fit
}

TEST_CASE("addresses without symbols need what KASLR added") {
  const Function outer = function_of(elf, "outer");
  constexpr unsigned long added = 0xffffffff80000000;
  const unsigned long address = outer.address + added + 4;
  const std::string line = fmt::format(" [<{:016x}>] {:#x}\n", address, address);
  const std::string offset =
      "[   12.345678] Kernel Offset: 0xffffffff80000000 from 0xffffffff81000000 (...)\n";
  const std::string found = explain(line, offset).text;
  CHECK(has(found, fmt::format(" [<{:016x}>] outer+0x4/0x", address)));
  CHECK(has(found, "report/inlines.c:"));
  const ExplainedReport unknown = explain(line);
  CHECK(unknown.text == line);
  CHECK(has(unknown.warnings.at(0), "Kernel Offset:"));
  const std::string symbol = fmt::format(" [<{:016x}>] outer+0x4/{:#x}\n", address, outer.size);
  CHECK(has(explain(line + symbol).text, fmt::format("{:016x}>] outer+0x4/", address)));
  CHECK(explain(line + symbol).warnings.empty());
  CHECK(explain(line, "Kernel Offset: disabled\n").text == line); // in no function
}

TEST_CASE("facts of a log") {
  CHECK(read_facts("", "").release.empty());
  CHECK(read_facts("", "Linux version 4.8.0 (a) #1\nLinux version 5.0.0 (a) #1\n").release ==
        "5.0.0");
  CHECK(read_facts("CPU: 0 PID: 1 Comm: x Not tainted 4.8.0+ #1\n", "Linux version 5.0.0 (a)\n")
            .release == "4.8.0+");
  CHECK(read_facts("CPU: 0 UID: 0 PID: 1 Comm: #1 x Not tainted 6.12.0 #5 PREEMPT\n", "").release ==
        "6.12.0");
  CHECK(read_facts("CPU: 0 PID: 1 Comm: x\n", "").release.empty());
  CHECK_FALSE(read_facts("", "Kernel command line: quiet\n").kernel_offset);
  CHECK(read_facts("", "Kernel command line: quiet nokaslr\n").kernel_offset == 0U);
  CHECK(read_facts("", "Kernel Offset: 0x1000 from 0x2\n").kernel_offset == 0x1000U);
  CHECK(read_facts("", "[    1.000000] Kernel Offset: 0x1000 from 0x2").kernel_offset == 0x1000U);
  CHECK_FALSE(read_facts("", "Kernel Offset: 0x\n").kernel_offset);
  CHECK_FALSE(read_facts("", "a Kernel Offset: 0x1 \nKernel Offset: ").kernel_offset);
  CHECK(read_facts("", "x Linux version 1.0 (a)\n\n[    0.000000] Linux version 2.0 (a)").release ==
        "2.0");
}

TEST_CASE("Rust names are shown as they were written") {
  CHECK(demangle("_RNvNtCs1234_7mycrate3foo3bar") == "mycrate::foo::bar");
  CHECK(demangle("_RNvXCs1234_7mycrateNtB2_3FooNtB2_5Trait3run") ==
        "<mycrate::Foo as mycrate::Trait>::run");
  CHECK(demangle("_ZN4core9panicking5panic17h0123456789abcdefE") == "core::panicking::panic");
  for (const char* same : {"vhost_worker", "_Rotate", "_ZN", "_ZN3foo3barEv", ""})
    CHECK(demangle(same) == same);
  const std::string text = explain(" _RNvNtCs1234_7mycrate3foo3bar+0x1/0x2\n").text;
  CHECK(text == " mycrate::foo::bar+0x1/0x2\n");
}

TEST_CASE("code at the instruction pointer, with source lines") {
  const Function outer = function_of(elf, "outer");
  const std::size_t offset = deepest(outer);
  const DebugFile file(elf);
  REQUIRE(file.code_at(outer.address).size() >= outer.size);
  const std::string bytes(file.code_at(outer.address).substr(0, outer.size));
  const std::string report =
      fmt::format("RIP: 0010:outer+{:#x}/{:#x}\n", offset, outer.size) + code_line(bytes, offset);
  SymbolSources from = sources();
  from.source = KREPRO_TEST_DATA;
  const std::string listing = explain(report, "", from).disassembly;
  INFO(listing);
  CHECK(listing.starts_with(fmt::format("Code: at outer+{:#x}/{:#x}\n", offset, outer.size)));
  CHECK(has(listing,
            fmt::format("report/inlines.c:{}: sink = value;", line_of("inlines.c", "innermost"))));
  CHECK(has(listing, fmt::format("\n> {:>7}  ", fmt::format("+{:x}", offset))));
  CHECK(has(listing, "      +0  "));
  CHECK_FALSE(has(listing, ".byte"));
  from.source.clear();
  CHECK(has(explain(report, "", from).disassembly,
            fmt::format("report/inlines.c:{}:\n", line_of("inlines.c", "innermost"))));
}

TEST_CASE("code of user space and of unknown functions has no lines") {
  const std::string user =
      explain("RIP: 0010:outer+0x1/0x2\nRIP: 0033:0x7f12\nCode: 90 <0f> 05 c3\n").disassembly;
  CHECK(user == "Code: of user space\n       +0  90                             nop\n"
                ">      +1  0f 05                          syscall\n"
                "       +3  c3                             ret\n");
  CHECK(explain("RIP: 0010:0x0\nCode: Bad RIP value.\n").disassembly.empty());
  CHECK(explain("PC is at f+0x1/0x2\nCode: e5933000 (e5832000)\n").disassembly.empty());
}

TEST_CASE("the guilty file and who looks after it") {
  const base::TempDir tree(fs::temp_directory_path(), "krepro-tree-");
  base::write_file(tree.path() / "report/inlines.c", "x\n");
  base::write_file(tree.path() / "Makefile", "VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 0\n");
  base::write_file(tree.path() / "scripts/get_maintainer.pl",
                   "print \"A B <a\\@b.c> (maintainer:$ARGV[-1])\\n\";\n");
  const Function outer = function_of(elf, "outer");
  const std::string frame = fmt::format(" outer+{:#x}/{:#x}\n", outer.size, outer.size);
  SymbolSources from = sources();
  from.source = tree.path();
  const ExplainedReport found = explain(frame, "Linux version 6.1.0-inlines (a)\n", from);
  CHECK(found.files == std::vector<std::string>{"report/inlines.c"});
  CHECK(found.maintainers == std::vector<std::string>{"A B <a@b.c> (maintainer:report/inlines.c)"});
  CHECK(found.warnings.empty());
  base::write_file(tree.path() / "Makefile", "VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 1\n");
  CHECK(has(explain(frame, "", from).warnings.at(0), "source tree is of 6.12.1"));
  // where no frame of the guilty function is known, the report's own word
  const ExplainedReport blamed = explain("kernel BUG at report/inlines.c:7!\n", "", from);
  CHECK(blamed.files == std::vector<std::string>{"report/inlines.c"});
  CHECK(blamed.maintainers.size() == 1);
  // nobody is named for a file that is only on the way
  CrashReport on_the_way;
  on_the_way.text = frame;
  on_the_way.frame = "somebody_else";
  const ExplainedReport unknown = Decoder(from).explain(on_the_way, "");
  CHECK(unknown.files == std::vector<std::string>{"report/inlines.c"});
  CHECK(unknown.maintainers.empty());
  base::write_file(tree.path() / "scripts/get_maintainer.pl", "exit 3;\n");
  CHECK(explain(frame, "", from).maintainers.empty());
}

TEST_CASE("without any file a report stays as it is") {
  const std::string text = " outer+0x1/0x2\n [<ffffffff81000000>] 0xffffffff81000000\n";
  const ExplainedReport report = explain(text, "Kernel Offset: disabled\n", {});
  CHECK(report.text == text);
  CHECK(report.warnings.empty());
  CHECK(report.files.empty());
}
