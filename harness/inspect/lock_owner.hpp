// Which lock a task sleeps for, and who has it: out of memory, without lockdep.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "harness/inspect/frame_registers.hpp"
#include "harness/inspect/kernel_image.hpp"
#include "harness/inspect/tasks.hpp"

namespace harness {

enum class LockKind { mutex, rwsem };

// How a kind of lock and those who wait for it lie in memory (kernel/locking/mutex.h, rwsem.c). A
// waiter is on its own task's stack and linked to the next.
struct LockLayout {
  LockKind kind = LockKind::mutex;
  std::size_t list = 0; // in the waiter
  std::size_t task = 0;
  std::size_t owner = 0;           // in the lock: a task and flags in the low bits
  std::size_t queue = 0;           // a list of the waiters
  bool first_waiter = false;       // queue is a pointer to the first one instead (v7)
  std::optional<std::size_t> name; // dep_map.name; with CONFIG_DEBUG_LOCK_ALLOC
};

// Nothing where the debug information lacks them.
std::optional<LockLayout> lock_layout(const KernelImage& kernel, LockKind kind);

// Tasks by the address of their task_struct; the tasks are borrowed.
class TaskIndex {
 public:
  explicit TaskIndex(std::span<const Task> tasks);
  // Null where there is none.
  const Task* find(std::uint64_t address) const;

 private:
  std::unordered_map<std::uint64_t, const Task*> by_address_;
};

struct LockWait {
  LockKind kind = LockKind::mutex;
  std::uint64_t lock = 0;  // its address
  std::uint64_t owner = 0; // a task; 0: not known, or none has it. With readers the last of them
  bool readers = false;    // an rwsem that is held for reading
  std::string name;        // as the kernel initialized it ("&vq->mutex"), printable; may be empty
};

// The lock of that kind that a sleeping task waits for; nothing where its stack shows none.
std::optional<LockWait> find_lock_wait(const LockLayout& layout, const ReadKernel& read,
                                       const Task& task, const TaskIndex& tasks);

// The kind of lock that functions of a stack (innermost first) wait for; nothing where they wait
// for something else.
std::optional<LockKind> lock_kind(std::span<const std::string> functions);

} // namespace harness
