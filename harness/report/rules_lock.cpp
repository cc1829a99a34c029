// Rows of lockdep and of the lock, RCU and atomic-context checkers.
#include <iterator>

#include "harness/report/kinds.hpp"

namespace harness {

namespace {

// Up to a line that holds "at: function+0x12/0x34" or "at: [<ffffffff81234567>]
// function+0x12/0x34".
#define LINES "(?:.*\\n){0,12}?"
#define FUNCTION(group) "(?:\\[<[0-9a-f]+>\\] )?(?P<" group ">[\\w.$]+)\\+0x"
#define AT(group) "(?:.*\\[inline\\]\\n)*.*at: " FUNCTION(group)

constexpr std::string_view deadlock = "possible deadlock in $F";

// The row with the function of more, and one for a log that was cut before it.
void add(std::vector<Rule>& rules, std::string_view line, std::string_view title,
         std::string_view more) {
  rules.push_back({line, title, "LOCKDEP", Where::trace, more, {}, Skip::common, true});
  rules.push_back({line, title, "LOCKDEP", Where::trace, "", {}, Skip::common, true});
}

void add_order_rules(std::vector<Rule>& rules) {
  add(rules, "\\w+: possible recursive locking detected", deadlock,
      LINES ".*is trying to acquire lock:\\n" AT("f"));
  rules.push_back(
      {"\\w+: possible circular locking dependency detected", deadlock, "LOCKDEP", Where::trace,
       LINES ".*is trying to acquire lock:\\n" AT("f") ".*\\n" LINES
                                                       ".*already holding lock:\\n" AT("f2")});
  add(rules, "\\w+: possible circular locking dependency detected", deadlock,
      LINES ".*is trying to acquire lock:\\n" AT("f"));
  add(rules, "\\w+: possible irq lock inversion dependency detected", deadlock,
      LINES ".*just changed the state of lock:\\n" AT("f"));
  Rule order{"\\w+: [\\w-]+-safe -> [\\w-]+-unsafe lock order detected", deadlock, "LOCKDEP",
             Where::trace};
  order.trace_below = "-safe at:";
  rules.push_back(order);
  add(rules, "\\w+: inconsistent lock state", "inconsistent lock state in $F",
      LINES ".*takes:\\n" AT("f"));
  add(rules, "(\\w+): bad unlock balance detected", "$1: bad unlock balance in $F",
      LINES ".*is trying to release lock.* at:\\n" FUNCTION("f"));
  add(rules, "(\\w+): bad contention detected", "$1: bad contention in $F",
      LINES ".*is trying to contend lock.* at:\\n" FUNCTION("f"));
  add(rules, "(\\w+): held lock freed", "$1: held lock freed in $F", LINES AT("f"));
  rules.push_back({"(\\w+): lock held when returning to user space",
                   "$1: lock held when returning to user space in $F",
                   "LOCKDEP",
                   Where::pattern,
                   LINES ".*#0:" AT("f"),
                   {},
                   Skip::common,
                   false});
}

} // namespace

std::vector<Rule> lock_rules() {
  std::vector<Rule> rules;
  add_order_rules(rules);
  const Rule checkers[] = {
      {"(\\w+): suspicious RCU usage", "$1: suspicious RCU usage in $F", "LOCKDEP", Where::trace},
      {"(\\w+): (?i:invalid wait context)", "$1: invalid wait context in $F", "LOCKDEP",
       Where::trace, LINES ".*is trying to lock:\\n" AT("f")},
      {"(\\w+): (?i:invalid wait context)", "$1: invalid wait context in $F", "LOCKDEP",
       Where::trace},
      {"(\\w+): (?i:nested lock was not taken)", "$1: nested lock was not taken in $F", "LOCKDEP",
       Where::trace},
      {"(\\w+): (?:\\S+ )?still has locks held", "$1: still has locks held in $F", "LOCKDEP",
       Where::trace, LINES ".*#0:" AT("f")},
      {"(\\w+): (?:\\S+ )?still has locks held", "$1: still has locks held in $F", "LOCKDEP",
       Where::trace},
      {"INFO: trying to register non-static key", "INFO: trying to register non-static key in $F",
       "LOCKDEP", Where::trace},
      {"BUG: (MAX_\\w+) too low",
       "BUG: $1 too low!",
       "LOCKDEP",
       Where::none,
       "",
       {},
       Skip::common,
       false},
      {"BUG: ((?:spinlock|rwlock|mutex) [a-z ]+?)(?: on (?:CPU|UP)|,| suspected)", "BUG: $1 in $F",
       "LOCKDEP", Where::trace},
      {"BUG: using (\\w+\\(\\)) in preemptible", "BUG: using $1 in preemptible code in $F",
       "LOCKDEP", Where::trace},
      {"BUG: sleeping function called from invalid context",
       "BUG: sleeping function called from invalid context in $F", "ATOMIC_SLEEP", Where::trace},
      {"BUG: scheduling while atomic",
       "BUG: scheduling while atomic in $F",
       "ATOMIC_SLEEP",
       Where::trace,
       "",
       {},
       Skip::wait},
      {"BUG: (workqueue leaked [a-zA-Z, ]+):", "BUG: $1 in $F", "LOCKDEP", Where::pattern,
       LINES ".*(?:last function: |workfn=)(?P<f>\\w+)"},
  };
  rules.insert(rules.end(), std::begin(checkers), std::end(checkers));
  return rules;
}

} // namespace harness
