#include "harness/report/lockdep_words.hpp"

#include "vmm/base/text.hpp"

namespace harness {

namespace {

struct Headline {
  std::string_view words;
  LockdepKind kind;
  std::string_view name;
};
constexpr Headline headlines[] = {
    {"possible recursive locking detected", LockdepKind::recursive, "recursive"},
    {"possible circular locking dependency detected", LockdepKind::circular, "circular"},
    {"possible irq lock inversion dependency detected", LockdepKind::irq_inversion,
     "irq-inversion"},
    {"-unsafe lock order detected", LockdepKind::irq_order, "irq-order"},
    {"inconsistent lock state", LockdepKind::inconsistent_state, "inconsistent-state"},
    {"bad unlock balance detected", LockdepKind::bad_unlock, "bad-unlock"},
    {"bad contention detected", LockdepKind::bad_contention, "bad-contention"},
    {"held lock freed", LockdepKind::held_lock_freed, "held-lock-freed"},
    {"lock held when returning to user space", LockdepKind::held_to_user, "held-to-user"},
    {"still has locks held", LockdepKind::still_held, "still-held"},
    {"ested lock was not taken", LockdepKind::nested_not_taken, "nested-not-taken"},
    {"nvalid wait context", LockdepKind::wait_context, "wait-context"},
    {"suspicious RCU usage", LockdepKind::suspicious_rcu, "suspicious-rcu"},
    {"trying to register non-static key", LockdepKind::non_static_key, "non-static-key"},
    {"chain_key collision", LockdepKind::chain_collision, "chain-collision"},
};

constexpr LockdepPhrase phrases[] = {
    {" is trying to acquire lock:", LockdepPart::wanted, true},
    {" is trying to acquire:", LockdepPart::wanted, true},
    {" is trying to lock:", LockdepPart::wanted, true},
    {" is trying to release lock (", LockdepPart::wanted, true},
    {" is trying to contend lock (", LockdepPart::wanted, true},
    {" just changed the state of lock:", LockdepPart::wanted, true},
    {"] takes:", LockdepPart::wanted, true},
    {" is freeing memory ", LockdepPart::wanted, true},
    {" is leaving the kernel with locks still held", LockdepPart::other, true},
    {": Hash chain already cached", LockdepPart::other, true},
    {"but task is already holding lock:", LockdepPart::holding},
    {"and this task is already holding:", LockdepPart::holding},
    {"but this task is not holding:", LockdepPart::missing},
    {"which would create a new lock dependency:", LockdepPart::other},
    {"but this lock took another, ", LockdepPart::related},
    {"but this lock was taken by another, ", LockdepPart::related},
    {"but this new dependency connects a ", LockdepPart::related},
    {"-irq-unsafe lock:", LockdepPart::related}, // "to a SOFTIRQ-irq-unsafe lock:"
    {"... which became ", LockdepPart::related},
    {" state was registered at:", LockdepPart::related},
    {"the existing dependency chain ", LockdepPart::chain},
    {"Chain exists of:", LockdepPart::chain_of},
    {"unsafe locking scenario:", LockdepPart::scenario},
    {"irq event stamp: ", LockdepPart::events},
    {"other info that might help us debug this:", LockdepPart::other},
    {"stack backtrace:", LockdepPart::backtrace},
};

bool contains(std::string_view text, std::string_view words) {
  return text.find(words) != std::string_view::npos;
}

} // namespace

const LockdepPhrase* find_phrase(std::string_view text, std::size_t& at) {
  for (const LockdepPhrase& phrase : phrases) {
    at = text.find(phrase.words);
    if (at != std::string_view::npos)
      return &phrase;
  }
  return nullptr;
}

std::optional<LockdepKind> headline_kind(std::string_view text) {
  if (!contains(text, "WARNING: ") && !contains(text, "INFO: ") && !contains(text, "BUG: "))
    return {};
  for (const Headline& headline : headlines)
    if (contains(text, headline.words))
      return headline.kind;
  return {};
}

std::string_view headline_words(std::string_view text) {
  std::size_t colon = text.find(": ");
  text = base::trim(text.substr(colon + 2));
  if (text.ends_with(']'))
    text = base::trim(text.substr(0, text.size() - 1));
  while (text.ends_with('!') || text.ends_with('.'))
    text.remove_suffix(1);
  return text;
}

std::string_view kind_name(LockdepKind kind) {
  for (const Headline& headline : headlines)
    if (headline.kind == kind)
      return headline.name;
  return "";
}

} // namespace harness
