// What lockdep prints about locks, tasks and places, as data: the words that its reports and those
// of hung tasks share. Forms: print_lock, print_lock_name and lockdep_print_held_locks of
// kernel/locking/lockdep.c, v4.7 to v7.0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace harness {

// A function and where in it. file and line only where a symbolizer put them into the text.
struct CodePlace {
  std::string function;   // as printed, with ".isra.0" and the like
  std::size_t offset = 0; // bytes; 0 for an inlined function
  std::string module;     // empty: not printed
  std::string file;       // empty: not known
  unsigned line = 0;      // 0: not known
  bool inlined = false;   // into the next place of its stack
};

// The innermost function first. Stale words of the stack (" ? function") are left out.
using CodeStack = std::vector<CodePlace>;

struct TaskId {
  std::string name; // at most 15 bytes in a kernel; a kworker's may be longer
  int pid = 0;
};
inline bool operator==(const TaskId& a, const TaskId& b) {
  return a.pid == b.pid && a.name == b.name;
}

struct LockClass {
  std::string name;      // as printed: "&dev->mutex#2", "&ni->ni_lock#3/5"
  unsigned subclass = 0; // of the "/5" at the end of the name
  std::string usage;     // "+.+."; v4.14 and before "+.+..."; empty where not printed
  std::string wait;      // outer and inner wait type, "3:3"; empty before v5.8
};

struct Lock {
  std::string address; // of the instance, as printed; empty before v4.17
  LockClass lock_class;
  CodeStack at; // where it was or would be taken: inlined functions, then the function itself
};

// The locks of one task, in the order it took them. The last one of a task that is blocked may be
// the one it waits for: lockdep enters a lock before it is taken.
struct HeldLocks {
  TaskId task;
  unsigned count = 0;      // what the heading says; more than locks when the task was running
  std::vector<Lock> locks; // "<RELEASED>" is a name here
};

// A frame of a stack in a form of parse_frame, with " file:line" and " [module]" after it; nothing
// for other lines and for stale words.
std::optional<CodePlace> read_place(std::string_view text);
// The same for stale words only.
std::optional<CodePlace> read_stale_place(std::string_view text);

// "name/12"; a name may hold slashes and spaces.
std::optional<TaskId> read_task(std::string_view text);

// The first "(name){usage}" or "(name){usage}-{3:3}" of text.
std::optional<LockClass> read_lock_class(std::string_view text);

// "ffff888000954c70 (&vq->mutex){+.+.}-{3:3}, at: function+0x1f/0xa0" and the older forms, with or
// without "#0:" before it. Nothing where text does not start so.
std::optional<Lock> read_lock(std::string_view text);

// "2 locks held by name/12:" and "no locks held by name/12."; locks is empty.
std::optional<HeldLocks> read_held_heading(std::string_view text);

// Adds what a line shows to a list of locks: symbolized text has a line for each function inlined
// at the place, with the lock repeated in each, and those become one.
void add_lock(std::vector<Lock>& locks, Lock lock);

// "&vq->mutex at vhost_net_stop_vq+0x1f (drivers/vhost/net.c:12)"; only the name without a place.
std::string lock_text(const Lock& lock);
// "function+0x1f (file.c:12)"; of an inlined place "function (file.c:12)".
std::string place_text(const CodePlace& place);

} // namespace harness
