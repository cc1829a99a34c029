#include "harness/bisect/related.hpp"

#include <algorithm>

#include "vmm/base/text.hpp"

namespace harness {
namespace {

std::string_view guilty_file(const Symptom& symptom) {
  return symptom.files.empty() ? std::string_view{} : std::string_view{symptom.files.front()};
}

std::string_view directory_of(std::string_view file) {
  const std::size_t slash = file.rfind('/');
  return slash == std::string_view::npos ? std::string_view{} : file.substr(0, slash);
}

bool has_title(const Symptom& symptom, const std::string& title) {
  return !title.empty() &&
         (symptom.title == title || std::find(symptom.alt_titles.begin(), symptom.alt_titles.end(),
                                              title) != symptom.alt_titles.end());
}

bool same_title(const Symptom& a, const Symptom& b) {
  return has_title(a, b.title) ||
         std::any_of(b.alt_titles.begin(), b.alt_titles.end(),
                     [&a](const std::string& title) { return has_title(a, title); });
}

bool same_place(const Symptom& a, const Symptom& b) {
  const std::string_view left = guilty_file(a);
  const std::string_view right = guilty_file(b);
  if (left.empty() || right.empty())
    return false;
  const std::string_view directory = directory_of(left);
  const bool shallow = directory.find('/') == std::string_view::npos;
  return shallow ? left == right : directory == directory_of(right);
}

bool expected_by(const Expectation& expected, const Symptom& symptom) {
  if (!expected.title.empty()) {
    if (base::matches_glob(expected.title, symptom.title))
      return true;
    for (const std::string& title : symptom.alt_titles)
      if (base::matches_glob(expected.title, title))
        return true;
  }
  const std::string_view file = guilty_file(symptom);
  return std::any_of(expected.files.begin(), expected.files.end(),
                     [file](const std::string& prefix) {
                       return !prefix.empty() && file.substr(0, prefix.size()) == prefix;
                     });
}

} // namespace

std::string_view relation_text(Relation relation) {
  switch (relation) {
  case Relation::none:
    return "unrelated";
  case Relation::first:
    return "the first crash seen";
  case Relation::title:
    return "same title";
  case Relation::function:
    return "same class and function";
  case Relation::hang:
    return "both stand still";
  case Relation::directory:
    return "guilty file in the same directory";
  case Relation::expected:
    return "expected by the job";
  }
  return "unrelated";
}

bool stands_still(const Symptom& symptom) {
  const auto has = [&symptom](std::string_view word) {
    return symptom.type.find(word) != std::string::npos;
  };
  return has("HANG") || has("LOCKUP") || has("STALL");
}

Relation relation(const Symptom& a, const Symptom& b) {
  if (same_title(a, b))
    return Relation::title;
  if (!a.type.empty() && a.type == b.type && !a.frame.empty() && a.frame == b.frame)
    return Relation::function;
  if (stands_still(a) && stands_still(b) && (a.frame.empty() || b.frame.empty()))
    return Relation::hang;
  return same_place(a, b) ? Relation::directory : Relation::none;
}

Relation Hunted::relation_of(const Symptom& symptom) const {
  if (known_.empty() && expected_.empty())
    return Relation::first;
  Relation best = Relation::none;
  for (const Symptom& seen : known_) {
    const Relation found = relation(seen, symptom);
    if (found != Relation::none && (best == Relation::none || found < best))
      best = found;
  }
  if (best == Relation::none && expected_by(expected_, symptom))
    return Relation::expected;
  return best;
}

void Hunted::learn(const Symptom& symptom) {
  const bool is_known = std::any_of(known_.begin(), known_.end(), [&symptom](const Symptom& seen) {
    return seen.title == symptom.title && seen.type == symptom.type &&
           seen.frame == symptom.frame && guilty_file(seen) == guilty_file(symptom);
  });
  if (!is_known)
    known_.push_back(symptom);
}

} // namespace harness
