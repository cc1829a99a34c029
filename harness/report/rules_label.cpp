// Rows of the lines "BUG: ...", "WARNING: ..." and "INFO: ..." that are not about locks.
#include "harness/report/kinds.hpp"

namespace harness {

namespace {

#define LINES "(?:.*\\n){0,12}?"
#define IN_FUNCTION " (?:in|at) (?P<f>[\\w.$]+)\\+0x"

Rule access(std::string_view line, std::string_view more, std::string_view title,
            std::string_view type) {
  return {line, title, type, Where::frames, more, {"bad-access in $F"}, Skip::common, true};
}

std::vector<Rule> kasan_rules() {
  std::vector<Rule> rules;
  struct Access {
    std::string_view word, title, freed, other;
  };
  for (const Access& a : {Access{LINES "(Read) (?:of size|at addr) ", "KASAN: $1 $2 in $F",
                                 "KASAN-USE-AFTER-FREE-READ", "KASAN-READ"},
                          Access{LINES "(Write) (?:of size|at addr) ", "KASAN: $1 $2 in $F",
                                 "KASAN-USE-AFTER-FREE-WRITE", "KASAN-WRITE"}}) {
    rules.push_back(access("BUG: KASAN: ((?:slab-)?use-after-free) ", a.word, a.title, a.freed));
    rules.push_back(access("BUG: KASAN: ([a-z-]+)(?: on address| in)", a.word, a.title, a.other));
  }
  rules.push_back({"BUG: KASAN: (?:double-free or )?invalid-free",
                   "KASAN: invalid-free in $F",
                   "KASAN-INVALID-FREE",
                   Where::frames,
                   "",
                   {"invalid-free in $F"}});
  rules.push_back({"BUG: KASAN: double-free",
                   "KASAN: double-free in $F",
                   "KASAN-INVALID-FREE",
                   Where::frames,
                   "",
                   {"invalid-free in $F"}});
  rules.push_back({"BUG: KASAN: ([a-z-]+)", "KASAN: $1 in $F", "KASAN-READ", Where::frames});
  return rules;
}

void add_sanitizers(std::vector<Rule>& rules) {
  for (Rule& rule : kasan_rules())
    rules.push_back(std::move(rule));
  rules.push_back({"BUG: KMSAN: (kernel-[a-z-]*infoleak[a-z-]*)",
                   "KMSAN: $1 in $F",
                   "KMSAN-INFO-LEAK",
                   Where::frames,
                   "",
                   {"bad-access in $F"}});
  rules.push_back({"BUG: KMSAN: ([a-z-]+)",
                   "KMSAN: $1 in $F",
                   "KMSAN-UNINIT-VALUE",
                   Where::frames,
                   "",
                   {"bad-access in $F"}});
  rules.push_back({"BUG: KCSAN: (data-race|assert: race) in (\\S+) / (\\S+)",
                   "KCSAN: $1 in $2 / $3",
                   "KCSAN-DATARACE",
                   Where::none,
                   "",
                   {},
                   Skip::common,
                   false});
  rules.push_back({"BUG: KCSAN: (data-race|assert: race) in (\\S+)",
                   "KCSAN: $1 in $2",
                   "KCSAN-DATARACE",
                   Where::none,
                   "",
                   {},
                   Skip::common,
                   false});
  struct Fence {
    std::string_view words, type;
  };
  for (const Fence& f :
       {Fence{"BUG: KFENCE: (use-after-free read)", "KFENCE-USE-AFTER-FREE-READ"},
        Fence{"BUG: KFENCE: (use-after-free write)", "KFENCE-USE-AFTER-FREE-WRITE"},
        Fence{"BUG: KFENCE: (out-of-bounds read)", "KFENCE-READ"},
        Fence{"BUG: KFENCE: (out-of-bounds write)", "KFENCE-WRITE"},
        Fence{"BUG: KFENCE: (invalid read)", "KFENCE-READ"},
        Fence{"BUG: KFENCE: (invalid write)", "KFENCE-WRITE"}})
    rules.push_back({f.words, "KFENCE: $1 in $F", f.type, Where::frames, "", {"bad-access in $F"}});
  rules.push_back({"BUG: KFENCE: (memory corruption)", "KFENCE: $1 in $F",
                   "KFENCE-MEMORY-CORRUPTION", Where::frames});
  rules.push_back(
      {"BUG: KFENCE: (invalid free)", "KFENCE: $1 in $F", "KFENCE-INVALID-FREE", Where::frames});
}

void add_faults(std::vector<Rule>& rules) {
  const std::string_view null = "BUG: unable to handle kernel NULL pointer dereference in $F";
  const std::string_view paging = "BUG: unable to handle kernel paging request in $F";
  for (std::string_view line : {"BUG: unable to handle kernel NULL pointer dereference",
                                "BUG: kernel NULL pointer dereference"})
    rules.push_back(
        {line, null, "NULL-POINTER-DEREFERENCE", Where::ip, "", {"bad-access in $F"}, Skip::fault});
  for (std::string_view line : {"BUG: unable to handle kernel paging request",
                                "BUG: unable to handle page fault for address",
                                "BUG: unable to handle kernel access to user memory"})
    rules.push_back(
        {line, paging, "MEMORY_SAFETY_BUG", Where::ip, "", {"bad-access in $F"}, Skip::fault});
  rules.push_back({"BUG: .*stack guard page was hit",
                   "BUG: stack guard page was hit in $F",
                   "",
                   Where::ip,
                   "",
                   {"stack-overflow in $F"}});
}

} // namespace

std::vector<Rule> bug_rules() {
  std::vector<Rule> rules;
  add_sanitizers(rules);
  add_faults(rules);
  rules.push_back(
      {"BUG: soft lockup", "BUG: soft lockup in $F", "HANG", Where::served, "", {"stall in $F"}});
  rules.push_back({"BUG: workqueue lockup",
                   "BUG: workqueue lockup",
                   "HANG",
                   Where::none,
                   "",
                   {},
                   Skip::common,
                   false});
  rules.push_back({"BUG: Bad page state", "BUG: Bad page state in $F", "", Where::trace});
  rules.push_back(
      {"BUG: (Bad page map|Bad page cache|Bad rss-counter state)", "BUG: $1", "", Where::none});
  rules.push_back({"BUG: memory leak", "memory leak in $F", "LEAK", Where::frames, "", {}});
  rules.push_back({"BUG: Dentry .* still in use.*\\[(unmount)? of",
                   "BUG: Dentry still in use in $1",
                   "",
                   Where::none,
                   "",
                   {},
                   Skip::common,
                   false});
  rules.push_back({"(BUG: .*\\S)", "$1", "", Where::none});
  return rules;
}

std::vector<Rule> warning_rules() {
  // Up to v6.17 "WARNING: CPU: 0 PID: 1 at file:line func", later "WARNING: file:line at func,
  // CPU#0: task/1".
#define WARN_IN(file) "WARNING: (?:CPU: \\d+ PID: \\d+ at )?(?:\\S*/)?" file ":\\d+ "
  std::vector<Rule> rules;
  struct Place {
    std::string_view file, title, type;
  };
  for (const Place& p :
       {Place{WARN_IN("lib/refcount\\.[ch]"), "WARNING: refcount bug in $F", "REFCOUNT_WARNING"},
        Place{WARN_IN("include/linux/refcount\\.h"), "WARNING: refcount bug in $F",
              "REFCOUNT_WARNING"},
        Place{WARN_IN("lib/debugobjects\\.c"), "WARNING: ODEBUG bug in $F", "WARNING"},
        Place{WARN_IN("kernel/locking/\\w+\\.c"), "WARNING: locking bug in $F", "LOCKDEP"},
        Place{WARN_IN("kernel/lockdep\\.c"), "WARNING: locking bug in $F", "LOCKDEP"},
        Place{WARN_IN("mm/(?:slab|slub|slab_common|util)\\.c"), "WARNING: kmalloc bug in $F",
              "WARNING"},
        Place{WARN_IN("mm/usercopy\\.c"), "WARNING: bad usercopy in $F", "WARNING"},
        Place{WARN_IN("mm/vmalloc\\.c"), "WARNING: zero-size vmalloc in $F", "WARNING"},
        Place{WARN_IN("fs/proc/generic\\.c"), "WARNING: proc registration bug in $F", "WARNING"}})
    rules.push_back({p.file, p.title, p.type, Where::ip});
  rules.push_back(
      {"WARNING: (?:CPU: \\d+ PID: \\d+ at )?\\S+:\\d+ ", "WARNING in $F", "WARNING", Where::ip});
  rules.push_back({"WARNING: kernel stack (regs|frame pointer) .* has bad",
                   "WARNING: kernel stack $1 has bad value",
                   "",
                   Where::none,
                   "",
                   {},
                   Skip::common,
                   false});
  return rules;
}

std::vector<Rule> info_rules() {
  const std::string_view stall = "INFO: rcu detected stall in $F";
  std::vector<Rule> rules;
  rules.push_back({"INFO: task .*blocked (?:in I/O wait )?for more than \\d+ seconds",
                   "INFO: task hung in $F",
                   "HANG",
                   Where::trace,
                   "",
                   {"hang in $F"},
                   Skip::wait});
  rules.push_back({"INFO: task .*can't die for more than \\d+ seconds",
                   "INFO: task can't die in $F",
                   "HANG",
                   Where::trace,
                   "",
                   {"hang in $F"},
                   Skip::wait});
  rules.push_back({"INFO: rcu_\\w+ (?:self-)?detected (?:expedited )?stalls? on CPU",
                   stall,
                   "HANG",
                   Where::served,
                   "",
                   {"stall in $F"}});
  rules.push_back({"INFO: (?:rcu_tasks )?detected stalls? on ",
                   stall,
                   "HANG",
                   Where::served,
                   "",
                   {"stall in $F"}});
  return rules;
}

} // namespace harness
