// Rows of crashes that start with words of their own: panics, traps, oopses, UBSAN.
#include <utility>

#include "harness/report/kinds.hpp"

namespace harness {

namespace {

constexpr std::string_view bad_access = "bad-access in $F";
constexpr std::string_view stall = "stall in $F";

using Alts = std::vector<std::string_view>;

// A trap: the line before its registers.
Kind trap(std::string_view start, std::string_view line, std::string_view title, Alts alts) {
  return {start, {{line, title, "DoS", Where::ip, "", std::move(alts), Skip::fault}}, "", true};
}

std::vector<Kind> traps() {
  // A fault of a user process has "ip:" where the kernel's own has "0000 [#1]".
  Kind protection = trap("general protection fault", "general protection fault[:,]",
                         "general protection fault in $F", {bad_access});
  protection.unless = "general protection fault ip:";
  Kind access = trap("Unable to handle kernel ",
                     "Unable to handle kernel (?:paging|write|read|execute|pointer dereference)",
                     "BUG: unable to handle kernel paging request in $F", {bad_access});
  access.rules[0].type = "MEMORY_SAFETY_BUG";
  access.rules.push_back({"Unable to handle kernel access to user memory",
                          "BUG: unable to handle kernel access to user memory in $F",
                          "MEMORY_SAFETY_BUG",
                          Where::ip,
                          "",
                          {bad_access},
                          Skip::fault});
  access.rules.push_back({"Unable to handle kernel NULL pointer dereference",
                          "BUG: unable to handle kernel NULL pointer dereference in $F",
                          "NULL-POINTER-DEREFERENCE",
                          Where::ip,
                          "",
                          {bad_access},
                          Skip::fault});
  return {
      protection,
      access,
      trap("divide error: ", "divide error: [0-9a-f]{4} \\[#", "divide error in $F", {}),
      trap("stack segment: ", "stack segment: [0-9a-f]{4} \\[#", "stack segment fault in $F", {}),
      trap("invalid opcode: ", "invalid opcode: [0-9a-f]{4} \\[#", "invalid opcode in $F", {}),
      trap("int3: ", "int3: [0-9a-f]{4} \\[#", "int3 in $F", {}),
      trap("alignment check: ", "alignment check: [0-9a-f]{4} \\[#", "alignment check in $F", {}),
      trap("segment not present: ", "segment not present: [0-9a-f]{4} \\[#",
           "segment not present in $F", {}),
      trap("PANIC: double fault", "PANIC: double fault", "PANIC: double fault in $F", {}),
      trap("Unhandled fault: ", "Unhandled fault: ", "Unhandled fault in $F", {bad_access}),
      trap("Internal error: ", "Internal error: .*\\[#\\d", "Internal error in $F", {bad_access}),
      trap("Oops - ", "Oops - .*\\[#\\d", "Oops in $F", {bad_access}),
      trap("Oops: ", "Oops: .*\\[#\\d", "Oops in $F", {bad_access})};
}

// A panic that some report asked for; alone, its reason is missing.
Rule led_to_by_another_report() {
  Rule rule{
      "Kernel panic - not syncing: (panic_on_\\w+ set|\\w+: panic_on_warn set|hung_task: blocked "
      "tasks|softlockup: hung tasks|RCU Stall|Fatal exception[a-z ]*|Machine halted|"
      "kernel: panic_on_\\w+ set)",
      "kernel panic: $1", "DoS", Where::none};
  rule.cut = "the report that led to the panic is missing";
  return rule;
}

Rule out_of_memory() {
  Rule rule{
      "Kernel panic - not syncing: (Out of memory|System is deadlocked on memory)(.*?)[ .!]*$",
      "kernel panic: $1$2", "DoS", Where::none};
  rule.suppressed = true;
  return rule;
}

Kind panic() {
  return {
      "Kernel panic - not syncing: ",
      {{"Kernel panic - not syncing: stack-protector: .* corrupted in: (?:(?P<f>[\\w.]+)\\+0x)?",
        "kernel panic: stack is corrupted in $F", "DoS", Where::trace},
       {"Kernel panic - not syncing: corrupted stack end",
        "kernel panic: corrupted stack end in $F",
        "DoS",
        Where::served,
        "",
        {"stack-overflow in $F"}},
       {"Kernel panic - not syncing: (Attempted to kill init!|Couldn't open N_TTY ldisc)",
        "kernel panic: $1", "DoS", Where::none},
       led_to_by_another_report(),
       out_of_memory(),
       {"Kernel panic - not syncing: (.*?)[ .!]*$", "kernel panic: $1", "DoS", Where::none}},
      "",
      true};
}

// "kernel BUG at file:line": the file of a checker says more than the function that found it.
Kind kernel_bug() {
  return {"kernel BUG at ",
          {{"kernel BUG at \\S*lib/list_debug\\.c:\\d+",
            "BUG: corrupted list in $F",
            "MEMORY_SAFETY_BUG",
            Where::ip,
            "",
            {bad_access}},
           {"kernel BUG at \\S*mm/usercopy\\.c:\\d+", "BUG: bad usercopy in $F", "BUG", Where::ip},
           {"kernel BUG at \\S+:\\d+", "kernel BUG in $F", "BUG", Where::ip}},
          "",
          true};
}

Kind headline(Kind kind) {
  kind.headline = true;
  return kind;
}

} // namespace

std::vector<Kind> fault_kinds() {
  std::vector<Kind> kinds = {
      panic(),
      kernel_bug(),
      {"usercopy: ",
       {{"usercopy: (?i:kernel) memory (?:exposure|overwrite) attempt", "BUG: bad usercopy in $F",
         "BUG", Where::ip}}},
      headline({"list_",
                {{"list_(?:add|del) (?:corruption|double add)",
                  "BUG: corrupted list in $F",
                  "MEMORY_SAFETY_BUG",
                  Where::ip,
                  "",
                  {bad_access}}},
                "",
                true}),
      {"rust_kernel: panicked at ",
       {{"rust_kernel: panicked at ", "$1 in $F", "", Where::trace, "(.*\\S)"}}},
      {"UBSAN: ",
       {{"UBSAN: Undefined behaviour", "UBSAN: undefined-behaviour in $F", "UBSAN", Where::trace},
        {"UBSAN: ([a-z-]+) in \\S", "UBSAN: $1 in $F", "UBSAN", Where::trace},
        {"UBSAN: \\S", "UBSAN: undefined-behaviour in $F", "UBSAN", Where::ip}}},
      {"BUG ",
       {{"BUG \\S+ \\([^)]*[Tt]ainted[^)]*\\): (.*\\S)", "BUG: slab $1", "MEMORY_SAFETY_BUG",
         Where::none}},
       "BUG \\S+ \\(.*kasan: bad access"},
      headline({"CFI failure ", {{"CFI failure (?:at|\\()", "CFI failure in $F", "", Where::ip}}}),
      {"VFS: Busy inodes after unmount",
       {{"VFS: Busy inodes after unmount",
         "VFS: Busy inodes after unmount (use-after-free)",
         "",
         Where::none,
         "",
         {},
         Skip::common,
         false}}},
      {"VFS: Close: file count is ",
       {{"VFS: Close: file count is (?:0|zero)",
         "VFS: Close: file count is zero (use-after-free)",
         "",
         Where::none,
         "",
         {},
         Skip::common,
         false}}},
      {"Watchdog detected hard LOCKUP",
       {{"Watchdog detected hard LOCKUP",
         "BUG: hard lockup in $F",
         "HANG",
         Where::served,
         "",
         {stall}}}},
      {"unreferenced object 0x",
       {{"unreferenced object", "memory leak in $F", "LEAK", Where::frames, "", {}, Skip::leak}},
       "",
       true},
      {"unregister_netdevice: waiting for ",
       {{"unregister_netdevice: waiting for \\S+ to become free",
         "unregister_netdevice: waiting for DEV to become free",
         "DoS",
         Where::none,
         "",
         {},
         Skip::common,
         false}}},
  };
  for (Kind& kind : traps())
    kinds.push_back(std::move(kind));
  return kinds;
}

} // namespace harness
