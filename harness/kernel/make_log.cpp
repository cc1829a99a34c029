#include "harness/kernel/make_log.hpp"

#include <fmt/format.h>

#include "vmm/base/text.hpp"

namespace harness {

namespace {

using std::string_view;

bool has(string_view line, string_view part) { return line.find(part) != string_view::npos; }

bool starts(string_view line, string_view part) { return line.substr(0, part.size()) == part; }

struct Rule {
  string_view text;
  string_view meaning;
};

constexpr Rule machine_rules[] = {
    {"No space left on device", "the disk is full; next step: free space"},
    {"Disk quota exceeded", "the disk quota is used up; next step: free space"},
    {"Cannot allocate memory", "not enough memory for the build"},
    {"out of memory allocating", "not enough memory for the compiler"},
    {"Killed signal terminated program", "the compiler was killed, most likely for want of memory"},
    {"fatal error: libelf.h", "next step: apt-get install libelf-dev"},
    {"fatal error: gelf.h", "next step: apt-get install libelf-dev"},
    {"fatal error: openssl/", "next step: apt-get install libssl-dev"},
};

// Programs that builds of some kernels want on the host, and their packages.
constexpr Rule tools[] = {{"flex", "flex"},       {"bison", "bison"},     {"bc", "bc"},
                          {"perl", "perl"},       {"python3", "python3"}, {"cpio", "cpio"},
                          {"gzip", "gzip"},       {"xz", "xz-utils"},     {"lz4", "lz4"},
                          {"openssl", "openssl"}, {"pahole", "pahole"},   {"gcc", "gcc"},
                          {"ld", "binutils"},     {"rsync", "rsync"},     {"zstd", "zstd"}};

std::optional<MakeFailure> machine_failure(string_view line) {
  for (const Rule& rule : machine_rules)
    if (has(line, rule.text))
      return MakeFailure{MakeFailure::Kind::machine,
                         fmt::format("{} ({})", rule.meaning, base::printable(base::trim(line)))};
  if (!has(line, "not found") && !(starts(line, "make") && has(line, "No such file")))
    return std::nullopt;
  for (const Rule& tool : tools)
    for (const string_view said :
         {": not found", ": command not found", ": No such file or directory"})
      if (const std::string ending = fmt::format(": {}{}", tool.text, said);
          line.size() > ending.size() && line.substr(line.size() - ending.size()) == ending)
        return MakeFailure{MakeFailure::Kind::machine,
                           fmt::format("the build needs {}; next step: apt-get install {}",
                                       tool.text, tool.meaning)};
  return std::nullopt;
}

bool is_source_error(string_view line) {
  const bool compiler = has(line, ": error: ") || has(line, ": fatal error: ");
  const bool assembler = has(line, ": Error: ");
  const bool linker = has(line, "undefined reference to") || has(line, "multiple definition of");
  const bool kconfig =
      has(line, "Kconfig") && (has(line, "syntax error") || has(line, "can't open file") ||
                               has(line, "recursive inclusion") || has(line, "invalid"));
  return compiler || assembler || linker || kconfig;
}

// "make[2]: *** No rule to make target ..." is better than the "Error 2" lines that follow.
bool is_make_error(string_view line) { return starts(line, "make") && has(line, ": *** "); }

bool is_tool_error(string_view line) {
  return starts(line, "ld: ") || starts(line, "error:") || starts(line, "ERROR:") ||
         has(line, "internal compiler error");
}

std::string relative(string_view line, const std::string& source) {
  std::string text = base::printable(base::trim(line));
  const std::string prefix = source + "/";
  for (std::size_t at; (at = text.find(prefix)) != std::string::npos;)
    text.erase(at, prefix.size());
  while (starts(text, "../"))
    text.erase(0, 3);
  return text;
}

} // namespace

std::optional<std::string> progress_of(string_view line) {
  if (!starts(line, "  ") || line.size() < 4 || line[2] < 'A' || line[2] > 'Z')
    return std::nullopt;
  const string_view text = base::trim(line);
  const std::size_t end = text.find(' ');
  if (end == string_view::npos)
    return std::nullopt;
  for (const char c : text.substr(0, end))
    if ((c < 'A' || c > 'Z') && c != '_' && c != '[' && c != ']')
      return std::nullopt;
  return fmt::format("{} {}", text.substr(0, end), base::printable(base::trim(text.substr(end))));
}

MakeFailure judge_make(string_view log, const std::string& source) {
  string_view source_error;
  string_view make_error;
  string_view tool_error;
  for (const string_view line : base::lines_of(log)) {
    if (std::optional<MakeFailure> failure = machine_failure(line))
      return *failure;
    if (source_error.empty() && is_source_error(line))
      source_error = line;
    if (make_error.empty() && is_make_error(line))
      make_error = line;
    if (tool_error.empty() && is_tool_error(line))
      tool_error = line;
  }
  if (!source_error.empty())
    return {MakeFailure::Kind::source, relative(source_error, source)};
  for (const string_view line : {tool_error, make_error})
    if (!line.empty())
      return {MakeFailure::Kind::unclear, relative(line, source)};
  return {MakeFailure::Kind::unclear, "make failed and printed no error"};
}

} // namespace harness
