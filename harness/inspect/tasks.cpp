#include "harness/inspect/tasks.hpp"

#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "vmm/base/text.hpp"

namespace harness {

namespace {

constexpr std::size_t most_tasks = 16'384;
constexpr std::size_t largest_task = 64u << 10;    // bytes of a task_struct that are believed
constexpr std::size_t comm_size = 16;              // TASK_COMM_LEN
constexpr std::uint64_t kthread_flag = 0x00200000; // PF_KTHREAD
constexpr int highest_pid = 1 << 22;               // PID_MAX_LIMIT

std::optional<std::size_t> offset_of(const KernelImage& kernel, const char* type,
                                     const char* path) {
  const auto member = kernel.member(type, path);
  return member ? std::optional(member->offset) : std::nullopt;
}

// Collects offsets; notes whether one is missing.
class Offsets {
 public:
  explicit Offsets(const KernelImage& kernel) : kernel_(kernel) {}

  void take(std::size_t& offset, const char* path, const char* type = "task_struct") {
    const auto found = offset_of(kernel_, type, path);
    complete_ = complete_ && found.has_value();
    offset = found.value_or(0);
  }
  bool complete() const { return complete_; }

 private:
  const KernelImage& kernel_;
  bool complete_ = true;
};

std::optional<TaskLayout::Inactive> inactive_frame(const KernelImage& kernel) {
  const auto bp = offset_of(kernel, "inactive_task_frame", "bp");
  const auto address = offset_of(kernel, "inactive_task_frame", "ret_addr");
  const auto size = kernel.size_of("inactive_task_frame");
  if (!bp || !address || !size || *size > 256)
    return std::nullopt;
  return TaskLayout::Inactive{*bp, *address, *size};
}

std::size_t needed_size(const TaskLayout& layout) {
  const std::size_t last =
      std::max({layout.tasks + 8, layout.thread_node + 8, layout.signal, layout.pid, layout.tgid,
                layout.comm + 8, layout.state.offset, layout.on_cpu.offset, layout.flags,
                layout.stack, layout.sp, layout.blocked_on.value_or(0)});
  return last + 8;
}

// One task_struct, read at once.
class TaskBytes {
 public:
  static std::optional<TaskBytes> read(const TaskLayout& layout, const ReadKernel& read,
                                       std::uint64_t address) {
    TaskBytes task;
    task.bytes_.resize(layout.size);
    if (!is_kernel_address(address) || address % 8 != 0 || !read(address, task.bytes_))
      return std::nullopt;
    return task;
  }

  std::uint64_t number(std::size_t offset, std::size_t size) const {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size && offset + i < bytes_.size(); ++i)
      value |= std::uint64_t{bytes_[offset + i]} << (8 * i);
    return value;
  }
  std::uint64_t value(const Member& member) const {
    return number(member.offset, std::min<std::size_t>(member.size, 8));
  }
  std::uint64_t word(std::size_t offset) const { return number(offset, 8); }
  int integer(std::size_t offset) const {
    return static_cast<int>(static_cast<std::uint32_t>(number(offset, 4)));
  }
  std::string text(std::size_t offset, std::size_t size) const {
    const auto* begin = reinterpret_cast<const char*>(bytes_.data()) + offset;
    return base::printable(std::string(begin, ::strnlen(begin, size)));
  }

 private:
  std::vector<std::uint8_t> bytes_;
};

std::optional<Task> task_from(const TaskLayout& layout, std::uint64_t address,
                              const TaskBytes& bytes) {
  Task task;
  task.address = address;
  task.pid = bytes.integer(layout.pid);
  task.tgid = bytes.integer(layout.tgid);
  task.comm = bytes.text(layout.comm, comm_size);
  task.state = bytes.value(layout.state);
  task.on_cpu = bytes.value(layout.on_cpu) != 0;
  task.kernel_thread = (bytes.number(layout.flags, 4) & kthread_flag) != 0;
  task.stack = bytes.word(layout.stack);
  task.sp = bytes.word(layout.sp);
  if (layout.blocked_on)
    task.blocked_on = bytes.word(*layout.blocked_on);
  if (task.pid < 0 || task.pid > highest_pid || !is_kernel_address(task.stack))
    return std::nullopt;
  return task;
}

class TaskList {
 public:
  TaskList(const TaskLayout& layout, const ReadKernel& read) : layout_(layout), read_(read) {}

  std::vector<Task> collect(std::uint64_t init_task) {
    std::uint64_t leader = init_task;
    while (tasks_.size() < most_tasks) {
      const auto bytes = add(leader);
      if (!bytes)
        break;
      add_threads(leader, bytes->word(layout_.signal));
      leader = bytes->word(layout_.tasks) - layout_.tasks;
    }
    return std::move(tasks_);
  }

 private:
  // Nothing where it is no task, or is there already.
  std::optional<TaskBytes> add(std::uint64_t address) {
    if (!seen_.insert(address).second)
      return std::nullopt;
    auto bytes = TaskBytes::read(layout_, read_, address);
    const auto task = bytes ? task_from(layout_, address, *bytes) : std::nullopt;
    if (!task)
      return std::nullopt;
    tasks_.push_back(*task);
    return bytes;
  }

  void add_threads(std::uint64_t leader, std::uint64_t signal) {
    const std::uint64_t head = signal + layout_.thread_head;
    auto node = read_word(read_, head);
    bool passed_leader = false;
    while (node && *node != head && tasks_.size() < most_tasks) {
      const std::uint64_t address = *node - layout_.thread_node;
      const bool is_leader = address == leader;
      if (is_leader ? passed_leader : !add(address).has_value())
        return;
      passed_leader = passed_leader || is_leader;
      node = read_word(read_, *node);
    }
  }

  const TaskLayout& layout_;
  const ReadKernel& read_;
  std::vector<Task> tasks_;
  std::unordered_set<std::uint64_t> seen_;
};

} // namespace

std::optional<TaskLayout> task_layout(const KernelImage& kernel) {
  TaskLayout layout;
  Offsets offsets(kernel);
  offsets.take(layout.tasks, "tasks");
  offsets.take(layout.thread_node, "thread_node");
  offsets.take(layout.signal, "signal");
  offsets.take(layout.thread_head, "thread_head", "signal_struct");
  offsets.take(layout.pid, "pid");
  offsets.take(layout.tgid, "tgid");
  offsets.take(layout.comm, "comm");
  offsets.take(layout.flags, "flags");
  offsets.take(layout.stack, "stack");
  offsets.take(layout.sp, "thread.sp");
  auto state = kernel.member("task_struct", "__state");
  if (!state)
    state = kernel.member("task_struct", "state");
  const auto on_cpu = kernel.member("task_struct", "on_cpu");
  if (!offsets.complete() || !state || !on_cpu)
    return std::nullopt;
  layout.on_cpu = *on_cpu;
  layout.state = *state;
  layout.inactive = inactive_frame(kernel);
  // Where there are debug checks of mutexes, older kernels have a waiter there.
  if (kernel.member("mutex", "first_waiter"))
    layout.blocked_on = offset_of(kernel, "task_struct", "blocked_on");
  layout.size = needed_size(layout);
  return layout.size <= largest_task ? std::optional(layout) : std::nullopt;
}

char state_letter(const Task& task) {
  // include/linux/sched.h; the bits have kept their values.
  constexpr std::uint64_t interruptible = 1;
  constexpr std::uint64_t uninterruptible = 2;
  constexpr std::uint64_t stopped = 4 | 8;
  constexpr std::uint64_t no_load = 0x400;
  if (task.state == 0)
    return 'R';
  if ((task.state & uninterruptible) != 0)
    return (task.state & no_load) != 0 ? 'I' : 'D';
  if ((task.state & interruptible) != 0)
    return 'S';
  return (task.state & stopped) != 0 ? 'T' : '?';
}

std::optional<Task> read_task(const TaskLayout& layout, const ReadKernel& read,
                              std::uint64_t address) {
  const auto bytes = TaskBytes::read(layout, read, address);
  return bytes ? task_from(layout, address, *bytes) : std::nullopt;
}

std::vector<Task> read_tasks(const TaskLayout& layout, const ReadKernel& read,
                             std::uint64_t init_task) {
  return TaskList(layout, read).collect(init_task);
}

std::vector<std::uint64_t> current_tasks(const KernelImage& kernel, const ReadKernel& read,
                                         unsigned cpus) {
  std::vector<std::uint64_t> tasks(cpus, 0);
  auto variable = kernel.symbol("current_task");
  if (const auto hot = kernel.symbol("pcpu_hot")) // v6.2 to v6.14
    variable = *hot + offset_of(kernel, "pcpu_hot", "current_task").value_or(0);
  const auto offsets = kernel.symbol("__per_cpu_offset");
  if (!variable || !offsets)
    return tasks;
  for (unsigned cpu = 0; cpu < cpus; ++cpu)
    if (const auto base = read_word(read, *offsets + std::uint64_t{8} * cpu))
      tasks[cpu] = read_word(read, *base + *variable).value_or(0);
  return tasks;
}

FrameRegisters sleeping_frame(const TaskLayout& layout, const Task& task, const ReadKernel& read) {
  FrameRegisters frame;
  if (layout.inactive) {
    frame.general[rbp] = read_word(read, task.sp + layout.inactive->bp);
    frame.ip = read_word(read, task.sp + layout.inactive->return_address).value_or(0);
    frame.general[rsp] = task.sp + layout.inactive->size;
    return frame;
  }
  // switch_to() pushed flags and RBP, which is that of __schedule's frame.
  const auto bp = read_word(read, task.sp);
  if (!bp || !is_kernel_address(*bp))
    return frame;
  frame.general[rbp] = read_word(read, *bp);
  frame.ip = read_word(read, *bp + 8).value_or(0);
  frame.general[rsp] = *bp + 16;
  return frame;
}

} // namespace harness
