// Rows of the lines "BUG: ...", "WARNING: ..." and "INFO: ..." that are not about locks.
#include "harness/report/kinds.hpp"

namespace harness {

namespace {

#define LINES "(?:.*\\n){0,12}?"
#define MAYBE_IN_FUNCTION "(?: on address| in (?P<f>[\\w.$]+)\\+0x| in|$)"

Rule access(std::string_view line, std::string_view more, std::string_view title,
            std::string_view type) {
  return {line, title, type, Where::frames, more, {"bad-access in $F"}, Skip::common, true};
}

std::vector<Rule> kasan_rules() {
  std::vector<Rule> rules;
  struct Access {
    std::string_view word, title, freed, null, other;
  };
  for (const Access& a :
       {Access{LINES "(Read) (?:of size|at addr) ", "KASAN: $1 $2 in $F",
               "KASAN-USE-AFTER-FREE-READ", "KASAN-NULL-POINTER-DEREFERENCE-READ", "KASAN-READ"},
        Access{LINES "(Write) (?:of size|at addr) ", "KASAN: $1 $2 in $F",
               "KASAN-USE-AFTER-FREE-WRITE", "KASAN-NULL-POINTER-DEREFERENCE-WRITE",
               "KASAN-WRITE"}}) {
    rules.push_back(access("BUG: KASAN: ((?:slab-)?use-after-free)" MAYBE_IN_FUNCTION, a.word,
                           a.title, a.freed));
    rules.push_back(
        access("BUG: KASAN: (null-ptr-deref)" MAYBE_IN_FUNCTION, a.word, a.title, a.null));
    rules.push_back(access("BUG: KASAN: ([a-z-]+)" MAYBE_IN_FUNCTION, a.word, a.title, a.other));
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
  Rule other{"BUG: KASAN: (.*\\S)", "KASAN: $1", "KASAN-READ", Where::none};
  other.cut = "the access is missing";
  rules.push_back(other);
  return rules;
}

void add_sanitizers(std::vector<Rule>& rules) {
  for (Rule& rule : kasan_rules())
    rules.push_back(std::move(rule));
  Rule usb_leak{"BUG: KMSAN: (kernel-usb-infoleak)",
                "KMSAN: $1 in $F",
                "KMSAN-INFO-LEAK",
                Where::frames,
                "",
                {"KMSAN origin in $O"},
                Skip::usb};
  usb_leak.origin_below = "Uninit was created at:";
  rules.push_back(usb_leak);
  rules.push_back({"BUG: KMSAN: (kernel-[a-z-]*infoleak[a-z-]*)",
                   "KMSAN: $1 in $F",
                   "KMSAN-INFO-LEAK",
                   Where::frames,
                   "",
                   {"bad-access in $F"}});
  rules.push_back({"BUG: KMSAN: (use-after-free)",
                   "KMSAN: $1 in $F",
                   "KMSAN-USE-AFTER-FREE-READ",
                   Where::frames,
                   "",
                   {"bad-access in $F"}});
  Rule uninit{"BUG: KMSAN: ([a-z-]+)", "KMSAN: $1 in $F", "KMSAN-UNINIT-VALUE", Where::frames, "",
              {"bad-access in $F"}};
  uninit.origin_below = "Uninit was created at:";
  rules.push_back(uninit);
  for (Rule& rule : rules)
    rule.ruled_off = true;
  rules.push_back({"BUG: KCSAN: (assert: race) in (\\S+)(?: / \\S+)?",
                   "KCSAN: $1 in $2",
                   "KCSAN-ASSERT",
                   Where::none,
                   "",
                   {},
                   Skip::common,
                   false});
  rules.push_back({"BUG: KCSAN: (data-race) in (\\S+) / (\\S+)",
                   "KCSAN: $1 in $2 / $3",
                   "KCSAN-DATARACE",
                   Where::none,
                   "",
                   {},
                   Skip::common,
                   false});
  rules.push_back({"BUG: KCSAN: (data-race) in (\\S+)",
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
                                "BUG: [Kk]ernel NULL pointer dereference"})
    rules.push_back(
        {line, null, "NULL-POINTER-DEREFERENCE", Where::ip, "", {"bad-access in $F"}, Skip::fault});
  for (std::string_view line : {"BUG: unable to handle kernel paging request",
                                "BUG: unable to handle page fault for address",
                                "BUG: Unable to handle kernel (?:data access|instruction fetch)"})
    rules.push_back(
        {line, paging, "MEMORY_SAFETY_BUG", Where::ip, "", {"bad-access in $F"}, Skip::fault});
  rules.push_back({"BUG: unable to handle kernel access to user memory",
                   "BUG: unable to handle kernel access to user memory in $F",
                   "MEMORY_SAFETY_BUG",
                   Where::ip,
                   "",
                   {"bad-access in $F"},
                   Skip::fault});
  rules.push_back({"BUG: .*stack guard page was hit",
                   "BUG: stack guard page was hit in $F",
                   "",
                   Where::served,
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
  rules.push_back(
      {"BUG: Bad page state", "BUG: Bad page state in $F", "", Where::frames, "", {}, Skip::page});
  rules.push_back({"BUG: (Bad page map|Bad page cache)", "BUG: $1", "", Where::none});
  for (std::string_view line :
       {"BUG: (Bad rss-counter state)", "BUG: (non-zero pgtables_bytes on freeing mm)"})
    rules.push_back({line, "BUG: $1", "", Where::none, "", {}, Skip::common, false});
  rules.push_back(
      {"BUG: memory leak", "memory leak in $F", "LEAK", Where::frames, "", {}, Skip::leak});
  rules.push_back({"BUG: Dentry .* still in use.*\\[(\\w+)? of ([\\w ]+)",
                   "BUG: Dentry still in use in $1",
                   "",
                   Where::none,
                   "",
                   {"BUG: Dentry still in use [$1 of $2]"},
                   Skip::common,
                   false});
  rules.push_back({"(BUG: .*\\S)", "$1", "", Where::none});
  return rules;
}

std::vector<Rule> warning_rules() {
  // Up to v6.17 "WARNING: CPU: 0 PID: 1 at file:line func", later "WARNING: file:line at func,
  // CPU#0: task/1".
#define WARN_IN(file) "WARNING: (?:CPU: \\d+ PID: \\d+ )?(?:at )?(?:\\S*/)?" file ":\\d+ "
  std::vector<Rule> rules;
  struct Place {
    std::string_view file, title, type;
    Skip skip = Skip::common;
  };
  for (const Place& p :
       {Place{WARN_IN("lib/refcount\\.[ch]"), "WARNING: refcount bug in $F", "REFCOUNT_WARNING"},
        Place{WARN_IN("include/linux/refcount\\.h"), "WARNING: refcount bug in $F",
              "REFCOUNT_WARNING"},
        Place{WARN_IN("lib/debugobjects\\.c"), "WARNING: ODEBUG bug in $F", "WARNING", Skip::timer},
        Place{WARN_IN("lib/list_debug\\.c"), "BUG: corrupted list in $F", "MEMORY_SAFETY_BUG"},
        Place{WARN_IN("lib/kobject\\.c"), "WARNING: kobject bug in $F", "WARNING"},
        Place{WARN_IN("drivers/usb/core/urb\\.c"), "WARNING in $F/usb_submit_urb", "WARNING",
              Skip::usb},
        Place{WARN_IN("kernel/locking/\\w+\\.c"), "WARNING: locking bug in $F", "LOCKDEP"},
        Place{WARN_IN("kernel/lockdep\\.c"), "WARNING: locking bug in $F", "LOCKDEP"},
        Place{WARN_IN("mm/(?:slab|slub|slab_common|util)\\.c"), "WARNING: kmalloc bug in $F",
              "WARNING"},
        Place{WARN_IN("mm/usercopy\\.c"), "WARNING: bad usercopy in $F", "WARNING"},
        Place{WARN_IN("mm/vmalloc\\.c"), "WARNING: zero-size vmalloc in $F", "WARNING"},
        Place{WARN_IN("fs/proc/generic\\.c") "(?:at )?proc_register",
              "WARNING: proc registration bug in $F", "WARNING"}})
    rules.push_back({p.file, p.title, p.type, Where::ip, "", {}, p.skip});
  rules.push_back({"WARNING: (?:CPU: \\d+ PID: \\d+ )?(?:at )?\\S+:\\d+ ", "WARNING in $F",
                   "WARNING", Where::ip});
  rules.push_back({"WARNING: kernel stack (regs|frame pointer) .* has bad",
                   "WARNING: kernel stack $1 has bad value",
                   "",
                   Where::none,
                   "",
                   {},
                   Skip::common,
                   false});
  rules.push_back({"(WARNING: .*\\S)", "$1", "WARNING", Where::none, "", {}, Skip::common, false});
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
  // A task's name may hold a newline.
  rules.push_back({"INFO: task .{0,16}$",
                   "INFO: task hung in $F",
                   "HANG",
                   Where::trace,
                   "(?:.*\\n)?.{0,16}:\\d+ blocked for more than \\d+ seconds",
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
                   Where::stalled,
                   "",
                   {"stall in $F"}});
  rules.push_back({"INFO: (?:rcu_tasks\\w* )?detected stalls? on ",
                   stall,
                   "HANG",
                   Where::served,
                   "",
                   {"stall in $F"}});
  Rule bare{"INFO:$", "INFO: corrupted", "", Where::none};
  bare.cut = "the title line is cut";
  rules.push_back(bare);
  return rules;
}

std::vector<Rule> stray_info_rules() {
  Rule other{"(INFO: .*\\S)", "$1", "", Where::none};
  other.cut = "a line of a report without the rest";
  return {other};
}

// Of a decoded report: the line of the function that this one was inlined into comes below it.
#define INLINED ".* \\[inline\\]$"

const std::string_view harmless_bugs = "BUG: " INLINED;

// Printed on healthy machines too.
const std::string_view harmless_warnings =
    "WARNING: (?:Mandatory file locking|.*unsupported config|[Tt]he mand mount option|"
    "workqueue cpumask: online|Unprivileged eBPF is enabled|fbcon: Driver |"
    "/etc/ssh/moduli does not exist|no suitable primes|All config files need|"
    "Unsupported flag value|" INLINED ")";
const std::string_view harmless_infos =
    "INFO: (?:task .* is blocked on |lockdep is turned off|Stall ended before state "
    "dump start|NMI handler |"
    "recovery required|Slab 0x|Object 0x|Freed in )";

} // namespace harness
