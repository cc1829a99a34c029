// The words that lockdep's reports are made of. To teach the reader a new form of a line, add a row
// in lockdep_words.cpp.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "harness/report/lockdep.hpp"

namespace harness {

// What the following lines are about.
enum class LockdepPart {
  other,
  ident, // the kernel's release, after the headline
  wanted,
  holding,
  related,
  missing, // the name of a lock that should be held
  chain,
  chain_of,
  dependencies,
  scenario,
  held,
  events,
  backtrace,
  end, // of the report
};

// Words of a line that say what it and the next ones are about.
struct LockdepPhrase {
  std::string_view words;
  LockdepPart part;
  bool names_task = false; // "name/12 " or "name/12 [HC0[0]:SC0[0]:HE1:SE1] " stands before them
};

// The first phrase of the table that text has, and where it starts; null: none.
const LockdepPhrase* find_phrase(std::string_view text, std::size_t& at);

// Nothing where the line is no headline.
std::optional<LockdepKind> headline_kind(std::string_view text);

// A headline without "WARNING: ", "[ INFO: " and " ]".
std::string_view headline_words(std::string_view text);

} // namespace harness
