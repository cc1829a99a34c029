// The tasks of a guest's kernel.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/inspect/frame_registers.hpp"
#include "harness/inspect/kernel_image.hpp"

namespace harness {

// Where a kernel has what is asked of a task (include/linux/sched.h).
struct TaskLayout {
  std::size_t tasks = 0;       // list of thread groups
  std::size_t thread_node = 0; // list of a group's threads, its head in signal
  std::size_t signal = 0;
  std::size_t thread_head = 0; // in struct signal_struct
  std::size_t pid = 0;
  std::size_t tgid = 0;
  std::size_t comm = 0;
  Member state;  // __state from v5.14 on, state before
  Member on_cpu; // a byte in v7
  std::size_t flags = 0;
  std::size_t stack = 0;
  std::size_t sp = 0; // thread.sp: of a task that does not run
  // struct inactive_task_frame, from v4.9 on (arch/x86/include/asm/switch_to.h): what lies at sp.
  struct Inactive {
    std::size_t bp = 0;
    std::size_t return_address = 0;
    std::size_t size = 0;
  };
  std::optional<Inactive> inactive;
  // The struct mutex that it waits for; of kernels whose mutexes have a first_waiter and no list.
  std::optional<std::size_t> blocked_on;
  std::size_t size = 0; // of what is read of a task
};

// Nothing where the debug information lacks what every kernel has.
std::optional<TaskLayout> task_layout(const KernelImage& kernel);

struct Task {
  std::uint64_t address = 0; // of its struct task_struct
  int pid = 0;
  int tgid = 0;
  std::string comm; // printable
  std::uint64_t state = 0;
  bool on_cpu = false;
  bool kernel_thread = false;
  std::uint64_t stack = 0; // its lowest byte
  std::uint64_t sp = 0;
  std::uint64_t blocked_on = 0; // 0: nothing, or not known
};

// As ps has it: 'R', 'S', 'D', 'I' (idle: counts for no load), 'T', or '?'.
char state_letter(const Task& task);

// The task at address; nothing where no task can be there.
std::optional<Task> read_task(const TaskLayout& layout, const ReadKernel& read,
                              std::uint64_t address);

// All tasks and their threads, from init_task on and without the idle ones of other CPUs; at most
// 16384. The lists may change meanwhile: then some are missing.
std::vector<Task> read_tasks(const TaskLayout& layout, const ReadKernel& read,
                             std::uint64_t init_task);

// The address of the task that each of the first `cpus` CPUs runs; 0: not known.
std::vector<std::uint64_t> current_tasks(const KernelImage& kernel, const ReadKernel& read,
                                         unsigned cpus);

// Where a task that does not run will go on; ip 0: not known. Before v4.9
// the caller of __schedule.
FrameRegisters sleeping_frame(const TaskLayout& layout, const Task& task, const ReadKernel& read);

} // namespace harness
