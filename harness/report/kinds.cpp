#include "harness/report/kinds.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "harness/report/scan.hpp"
#include "vmm/base/error.hpp"

namespace harness {

namespace {

constexpr std::size_t npos = std::string_view::npos;

void append(std::vector<Rule>& to, std::vector<Rule> from) {
  for (Rule& rule : from)
    to.push_back(std::move(rule));
}

std::vector<Kind> table() {
  std::vector<Kind> all = fault_kinds();
  struct Labelled {
    std::string_view label;
    std::vector<Rule> rules;
    std::string_view unless;
  };
  for (auto& [label, rules, unless] : {Labelled{"BUG: ", bug_rules(), harmless_bugs},
                                       Labelled{"WARNING: ", warning_rules(), harmless_warnings},
                                       Labelled{"INFO:", info_rules(), harmless_infos}}) {
    Kind kind{label, lock_rules(), unless, false};
    append(kind.rules, rules);
    all.push_back(std::move(kind));
  }
  Kind stray{"INFO:", stray_info_rules(), harmless_infos, true};
  stray.stamped = true;
  all.push_back(std::move(stray));
  for (Kind& kind : guest_kinds())
    all.push_back(std::move(kind));
  return all;
}

re2::StringPiece piece(std::string_view text) { return {text.data(), text.size()}; }

RE2::Options latin1() {
  RE2::Options options;
  options.set_encoding(RE2::Options::EncodingLatin1);
  options.set_log_errors(false);
  return options;
}

// Each pattern is compiled once, however many rows have it: so is what RE2 makes of it as it
// matches.
class Patterns {
 public:
  std::shared_ptr<const RE2> compile(std::string_view pattern) {
    if (pattern.empty())
      return nullptr;
    std::shared_ptr<const RE2>& compiled = compiled_[pattern];
    if (!compiled)
      compiled = std::make_shared<const RE2>(piece(pattern), latin1());
    ASSERT(compiled->ok());
    return compiled;
  }

 private:
  std::unordered_map<std::string_view, std::shared_ptr<const RE2>> compiled_;
};

std::unique_ptr<RE2::Set> compile_lines(const std::vector<Rule>& rules) {
  auto set = std::make_unique<RE2::Set>(latin1(), RE2::ANCHOR_START);
  for (const Rule& rule : rules)
    ASSERT(set->Add(piece(rule.line), nullptr) >= 0);
  ASSERT(set->Compile());
  return set;
}

CompiledKind compile(Kind kind, Patterns& patterns) {
  CompiledKind compiled{std::move(kind), {}, nullptr, nullptr};
  for (const Rule& rule : compiled.kind.rules)
    compiled.rules.push_back({&rule, patterns.compile(rule.line), patterns.compile(rule.more)});
  compiled.lines = compile_lines(compiled.kind.rules);
  compiled.unless = patterns.compile(compiled.kind.unless);
  return compiled;
}

} // namespace

const std::vector<CompiledKind>& kinds() {
  static const std::vector<CompiledKind> compiled = [] {
    std::vector<CompiledKind> all;
    Patterns patterns;
    for (Kind& kind : table())
      all.push_back(compile(std::move(kind), patterns));
    return all;
  }();
  return compiled;
}

namespace {

const WordScan& start_words() {
  static const WordScan scan = [] {
    std::vector<std::string_view> words;
    for (const CompiledKind& kind : kinds())
      words.push_back(kind.kind.start);
    return WordScan(std::move(words));
  }();
  return scan;
}

bool word_start(std::string_view text, std::size_t at) {
  if (at == 0)
    return true;
  char c = text[at - 1];
  return c == ' ' || c == '[' || c == '\t' || c == '(';
}

bool matches(const RE2& pattern, std::string_view text) {
  return pattern.Match(piece(text), 0, text.size(), RE2::ANCHOR_START, nullptr, 0);
}

bool starts_crash(const CompiledKind& kind, std::string_view text) {
  if (kind.unless && matches(*kind.unless, text))
    return false;
  RE2::Set::ErrorInfo error{RE2::Set::kNoError};
  if (kind.lines->Match(piece(text), nullptr, &error))
    return true;
  return error.kind != RE2::Set::kNoError && // out of the memory that a set may use
         std::any_of(kind.rules.begin(), kind.rules.end(),
                     [&](const CompiledRule& rule) { return matches(*rule.line, text); });
}

} // namespace

std::optional<Start> find_start(std::string_view text) {
  const WordScan& words = start_words();
  std::size_t at = words.find(text);
  if (at == npos)
    return {};
  std::vector<bool> tried(kinds().size());
  std::size_t best = kinds().size();
  std::size_t offset = 0;
  for (; at != npos; at = words.find(text, at + 1)) {
    if (!word_start(text, at))
      continue;
    words.each_at(text, at, [&](std::size_t i) {
      if (i >= best || tried[i] || (kinds()[i].kind.at_begin && at != 0))
        return;
      tried[i] = true;
      if (!starts_crash(kinds()[i], text.substr(at)))
        return;
      best = i;
      offset = at;
    });
  }
  if (best == kinds().size())
    return {};
  return Start{&kinds()[best], offset};
}

std::size_t find_start_words(std::string_view bytes, std::size_t from) {
  return start_words().find(bytes, from);
}

bool may_start(std::string_view bytes) { return find_start_words(bytes, 0) != npos; }

} // namespace harness
