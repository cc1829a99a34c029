#include "harness/report/kinds.hpp"

#include <array>
#include <cstdint>
#include <utility>

#include "vmm/base/error.hpp"

namespace harness {

namespace {

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
  for (auto& [label, rules, unless] : {Labelled{"BUG: ", bug_rules(), ""},
                                       Labelled{"WARNING: ", warning_rules(), harmless_warnings},
                                       Labelled{"INFO:", info_rules(), harmless_infos}}) {
    Kind kind{label, lock_rules(), unless, false};
    append(kind.rules, rules);
    all.push_back(std::move(kind));
  }
  for (Kind& kind : guest_kinds())
    all.push_back(std::move(kind));
  return all;
}

std::unique_ptr<RE2> compile(std::string_view pattern) {
  if (pattern.empty())
    return nullptr;
  RE2::Options options;
  options.set_encoding(RE2::Options::EncodingLatin1);
  auto compiled = std::make_unique<RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
  ASSERT(compiled->ok());
  return compiled;
}

CompiledKind compile(Kind kind) {
  CompiledKind compiled{std::move(kind), {}, nullptr};
  for (const Rule& rule : compiled.kind.rules)
    compiled.rules.push_back({&rule, compile(rule.line), compile(rule.more)});
  compiled.unless = compile(compiled.kind.unless);
  return compiled;
}

const std::vector<CompiledKind>& kinds() {
  static const std::vector<CompiledKind> compiled = [] {
    std::vector<CompiledKind> all;
    for (Kind& kind : table())
      all.push_back(compile(std::move(kind)));
    return all;
  }();
  return compiled;
}

// A search for all start words at once (Aho-Corasick): one step a byte, whatever the bytes are.
class StartWords {
 public:
  StartWords() {
    for (const CompiledKind& kind : kinds())
      add(kind.kind.start);
    link();
  }

  bool in(std::string_view bytes) const {
    std::uint16_t state = 0;
    for (char c : bytes) {
      state = next_[state][static_cast<unsigned char>(c)];
      if (final_[state])
        return true;
    }
    return false;
  }

 private:
  using Row = std::array<std::uint16_t, 256>;

  void add(std::string_view word) {
    std::uint16_t state = 0;
    for (char c : word) {
      std::uint16_t following = next_[state][static_cast<unsigned char>(c)];
      if (following == 0) {
        following = static_cast<std::uint16_t>(next_.size());
        next_[state][static_cast<unsigned char>(c)] = following;
        next_.push_back(Row{});
        final_.push_back(false);
      }
      state = following;
    }
    final_[state] = true;
  }

  // Fills the missing steps with those of the longest suffix, breadth first.
  void link() {
    std::vector<std::uint16_t> fallback(next_.size(), 0);
    std::vector<std::uint16_t> queue;
    for (std::uint16_t first : next_[0])
      if (first != 0)
        queue.push_back(first);
    for (std::size_t i = 0; i < queue.size(); ++i) {
      std::uint16_t state = queue[i];
      final_[state] = final_[state] || final_[fallback[state]];
      for (std::size_t c = 0; c < 256; ++c) {
        std::uint16_t following = next_[state][c];
        std::uint16_t shorter = next_[fallback[state]][c];
        if (following == 0) {
          next_[state][c] = shorter;
        } else {
          fallback[following] = shorter;
          queue.push_back(following);
        }
      }
    }
  }

  std::vector<Row> next_ = std::vector<Row>(1);
  std::vector<bool> final_ = {false};
};

bool word_start(std::string_view text, std::size_t at) {
  if (at == 0)
    return true;
  char c = text[at - 1];
  return c == ' ' || c == '[' || c == '\t' || c == '(';
}

bool matches(const std::unique_ptr<RE2>& pattern, re2::StringPiece text) {
  return pattern->Match(text, 0, text.size(), RE2::ANCHOR_START, nullptr, 0);
}

bool starts_crash(const CompiledKind& kind, std::string_view text) {
  re2::StringPiece piece(text.data(), text.size());
  if (kind.unless && matches(kind.unless, piece))
    return false;
  for (const CompiledRule& rule : kind.rules)
    if (matches(rule.line, piece))
      return true;
  return false;
}

} // namespace

std::optional<Start> find_start(std::string_view text) {
  for (const CompiledKind& kind : kinds()) {
    std::size_t at = text.find(kind.kind.start);
    if (at != std::string_view::npos && (kind.kind.at_begin ? at == 0 : word_start(text, at)) &&
        starts_crash(kind, text.substr(at)))
      return Start{&kind, at};
  }
  return {};
}

bool may_start(std::string_view bytes) {
  static const StartWords words;
  return words.in(bytes);
}

} // namespace harness
