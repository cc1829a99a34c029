// A report's frames explained: krepro as a process of its own and the next report within one,
// against addr2line and the kernel's scripts/decode_stacktrace.sh on the same log, in interleaved
// rounds. Prints medians, ratios taken in this run, and where frames differ from addr2line's.
// usage: bench_symbolize VMLINUX [LOG|-] [SOURCE] [ROUNDS]; LOG -: a trace of 20 functions chosen
// at random. SOURCE: a kernel tree, for decode_stacktrace.sh.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "harness/report/annotate.hpp"
#include "harness/report/debug_file.hpp"
#include "harness/report/decoder.hpp"
#include "harness/report/lines.hpp"
#include "harness/report/symbolize.hpp"
#include "tests/bench/bench.hpp"
#include "vmm/base/child.hpp"
#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"
#include "vmm/base/text.hpp"

namespace {

using bench::median;

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

struct Contender {
  std::string name;
  std::function<void()> run;
  std::vector<double> seconds;
};

harness::ExplainedReport explain(const harness::Decoder& decoder, const std::string& log) {
  harness::CrashReport report;
  report.text = log;
  return decoder.explain(report, log);
}

harness::SymbolSources sources_of(const std::string& vmlinux) {
  harness::SymbolSources sources;
  sources.vmlinux = vmlinux;
  return sources;
}

// A trace of 20 functions that have names of their own.
std::string random_trace(const harness::DebugFile& file, const std::string& vmlinux,
                         unsigned seed) {
  base::Command command;
  command.argv = {"nm", "-S", vmlinux};
  const std::string listing = base::check_output(command);
  std::vector<std::string> names;
  for (const std::string_view line : base::lines_of(listing)) {
    const std::vector<std::string> words = base::split(line, ' ');
    if (words.size() == 4 && (words[2] == "t" || words[2] == "T") &&
        words[3].find('.') == std::string::npos && file.symbols().find(words[3], 0))
      names.push_back(words[3]);
  }
  std::mt19937 random(seed);
  std::string trace = "Call Trace:\n";
  for (int i = 0; i < 20;) {
    const std::string& name = names[random() % names.size()];
    const harness::ElfSymbol* symbol = file.symbols().at(*file.symbols().find(name, 0));
    if (!symbol || symbol->size < 64)
      continue;
    trace += fmt::format(" {}+{:#x}/{:#x}\n", name, 1 + random() % symbol->size, symbol->size);
    ++i;
  }
  return trace;
}

struct Address {
  harness::Place place;
  std::uint64_t value = 0;
};

// The places of the kernel itself that the log names.
std::vector<Address> addresses_of(const harness::DebugFile& file, const std::string& log) {
  std::vector<Address> all;
  for (const std::string_view raw : base::lines_of(log)) {
    const auto place = harness::place_of(harness::strip_prefix(raw).text);
    if (!place || place->frame.function.empty() || !place->module.empty())
      continue;
    if (const auto start = file.symbols().find(place->frame.function, place->frame.size))
      all.push_back({*place, *start + place->frame.offset - (place->return_address ? 1 : 0)});
  }
  return all;
}

std::vector<std::string> addr2line(const std::string& vmlinux, const std::vector<Address>& places) {
  std::vector<std::string> argv = {"addr2line", "-afi", "-e", vmlinux};
  for (const Address& address : places)
    argv.push_back(fmt::format("{:#x}", address.value));
  return argv;
}

std::string run(std::vector<std::string> argv, std::string input = {}) {
  base::Command command;
  command.argv = std::move(argv);
  command.input = std::move(input);
  return base::check_output(command);
}

// One text for each address: "function file:line" lines as addr2line shows them.
std::vector<std::string> answers_of(const std::string& output, const std::string& top) {
  std::vector<std::string> answers;
  std::string function;
  for (const std::string_view line : base::lines_of(output)) {
    if (line.starts_with("0x")) {
      answers.emplace_back();
      function.clear();
    } else if (function.empty()) {
      function = line;
    } else {
      const std::string place(line.substr(0, line.find(" (discriminator")));
      answers.back() += fmt::format("{} {}\n", function, harness::tree_path(top, place));
      function.clear();
    }
  }
  return answers;
}

void compare(const std::string& vmlinux, const std::vector<Address>& places) {
  const harness::Symbolizer symbols(vmlinux, "");
  const std::vector<std::string> theirs =
      answers_of(run(addr2line(vmlinux, places)), symbols.top());
  std::size_t frames = 0;
  std::size_t differing = 0;
  for (std::size_t i = 0; i < places.size(); ++i) {
    std::string ours;
    for (const harness::SourceFrame& frame :
         harness::resolve_at(symbols.file(), symbols.top(), places[i].value)) {
      ours += fmt::format("{} {}:{}\n", frame.function, frame.file, frame.line);
      ++frames;
    }
    if (i < theirs.size() && ours == theirs[i])
      continue;
    ++differing;
    fmt::print("{}+{:#x}: ours\n{}addr2line's\n{}", places[i].place.frame.function,
               places[i].place.frame.offset, ours, i < theirs.size() ? theirs[i] : "");
  }
  fmt::print("{} addresses, {} frames with inlined ones: {} differ from addr2line\n", places.size(),
             frames, differing);
}

void print(const std::vector<Contender>& all) {
  for (const Contender& c : all) {
    const auto [least, most] = std::minmax_element(c.seconds.begin(), c.seconds.end());
    fmt::print("{:<28} {:9.4f} s   ({:.4f} to {:.4f})\n", c.name, median(c.seconds), *least, *most);
  }
  for (std::size_t i = 1; i < all.size(); ++i) {
    std::vector<double> ratios;
    for (std::size_t round = 0; round < all[0].seconds.size(); ++round)
      ratios.push_back(all[i].seconds[round] / all[0].seconds[round]);
    fmt::print("{} / {}: {:.2f} the median round\n", all[i].name, all[0].name, median(ratios));
  }
}

int bench(const std::string& vmlinux, const std::string& log_file, const fs::path& source,
          int rounds) {
  const harness::DebugFile file(vmlinux);
  const std::string log =
      log_file == "-" ? random_trace(file, vmlinux, 1) : base::read_file(log_file);
  const std::vector<Address> places = addresses_of(file, log);
  if (places.empty())
    throw base::Error("the log names no function of this vmlinux");
  compare(vmlinux, places);
  const base::TempDir folder(fs::temp_directory_path(), "krepro-bench-");
  const std::string copy = folder.path() / "log";
  base::write_file(copy, log);
  const std::string other = random_trace(file, vmlinux, 2);
  const std::string self = fs::read_symlink("/proc/self/exe");
  std::optional<harness::Decoder> decoder;
  std::vector<Contender> all{{"krepro, a process",
                              [&] {
                                run({self, "--decode", vmlinux, copy});
                              },
                              {}},
                             {"addr2line -afi", [&] { run(addr2line(vmlinux, places)); }, {}}};
  if (const fs::path script = source / "scripts/decode_stacktrace.sh";
      !source.empty() && fs::exists(script))
    all.push_back({"decode_stacktrace.sh", [=] { run({"bash", script, vmlinux}, log); }, {}});
  all.push_back({"krepro, the next report", [&] { explain(*decoder, other); }, {}});
  for (int round = -1; round < rounds; ++round) { // one to warm up
    decoder.emplace(sources_of(vmlinux));
    explain(*decoder, log);
    for (Contender& contender : all) {
      const Clock::time_point start = Clock::now();
      contender.run();
      if (round >= 0)
        contender.seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
    }
  }
  print(all);
  return 0;
}

int start(int argc, char** argv) {
  if (argc == 4 && std::string_view(argv[1]) == "--decode") {
    const harness::Decoder decoder(sources_of(argv[2]));
    const std::string text = explain(decoder, base::read_file(argv[3])).text;
    std::fwrite(text.data(), 1, text.size(), stdout);
    return 0;
  }
  if (argc < 2) {
    fmt::print(stderr, "usage: bench_symbolize VMLINUX [LOG|-] [SOURCE] [ROUNDS]\n");
    return 129;
  }
  return bench(argv[1], argc > 2 ? argv[2] : "-", argc > 3 ? argv[3] : "",
               argc > 4 ? std::atoi(argv[4]) : 5);
}

} // namespace

int main(int argc, char** argv) { return bench::run_main("bench_symbolize", start, argc, argv); }
