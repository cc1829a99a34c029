#include "harness/inspect/lock_owner.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "vmm/base/text.hpp"

namespace harness {

namespace {

constexpr std::uint64_t flag_bits = 7; // of an owner
constexpr std::uint64_t reader_bit = 1;
constexpr std::uint64_t largest_stack = 64u << 10; // bytes
constexpr std::size_t page = 4096;
constexpr std::size_t most_pages = 4;     // of a stack that are looked through
constexpr std::size_t most_waiters = 256; // of one lock
constexpr std::size_t most_tries = 16;    // of what looks like a waiter on one stack
constexpr std::size_t longest_name = 80;

bool on_stack(std::uint64_t address, const Task& task) {
  return address - task.stack < largest_stack;
}

// The words of a sleeping task's stack, from where it sleeps up.
std::vector<std::uint64_t> stack_words(const ReadKernel& read, const Task& task) {
  std::vector<std::uint64_t> words;
  if (!on_stack(task.sp, task) || task.sp % 8 != 0)
    return words;
  std::array<std::uint8_t, page> bytes{};
  std::uint64_t at = task.sp;
  for (std::size_t i = 0; i < most_pages; ++i) {
    const std::span part(bytes.data(), page - at % page);
    if (!read(at, part))
      break;
    for (std::size_t offset = 0; offset + 8 <= part.size(); offset += 8) {
      std::uint64_t word = 0;
      for (std::size_t byte = 0; byte < 8; ++byte)
        word |= std::uint64_t{part[offset + byte]} << (8 * byte);
      words.push_back(word);
    }
    at += part.size();
  }
  return words;
}

class Search {
 public:
  Search(const LockLayout& layout, const ReadKernel& read, const Task& task, const TaskIndex& tasks)
      : layout_(layout), read_(read), task_(task), tasks_(tasks) {}

  std::optional<LockWait> run() {
    words_ = stack_words(read_, task_);
    std::size_t tried = 0;
    for (std::size_t i = 0; i < words_.size() && tried < most_tries; ++i) {
      const std::uint64_t waiter = task_.sp + 8 * i - layout_.task;
      if (words_[i] != task_.address || !linked(waiter + layout_.list))
        continue;
      ++tried;
      if (auto found = layout_.first_waiter ? by_stack_words(waiter) : by_head(waiter))
        return found;
    }
    return std::nullopt;
  }

  std::optional<LockWait> take(std::uint64_t lock) const {
    const auto word = read_word(read_, lock + layout_.owner);
    if (!word)
      return std::nullopt;
    LockWait wait;
    wait.kind = layout_.kind;
    wait.lock = lock;
    wait.owner = *word & ~flag_bits;
    wait.readers = layout_.kind == LockKind::rwsem && (*word & reader_bit) != 0;
    if (wait.owner != 0 && tasks_.find(wait.owner) == nullptr) {
      if (!wait.readers) // the last reader may have gone
        return std::nullopt;
      wait.owner = 0;
    }
    wait.name = name_of(lock);
    return wait;
  }

 private:
  // Whether a list's neighbours of node know it.
  bool linked(std::uint64_t node) const {
    const auto next = read_word(read_, node);
    const auto previous = read_word(read_, node + 8);
    return next && previous && read_word(read_, *next + 8) == node &&
           read_word(read_, *previous) == node;
  }

  // A list node that is a waiter's, not the lock's.
  bool is_waiter(std::uint64_t node) const {
    const auto address = read_word(read_, node - layout_.list + layout_.task);
    const Task* task = address ? tasks_.find(*address) : nullptr;
    return task != nullptr && on_stack(node, *task);
  }

  std::optional<LockWait> by_head(std::uint64_t waiter) const {
    std::uint64_t node = waiter + layout_.list;
    for (std::size_t i = 0; i < most_waiters; ++i) {
      const auto next = read_word(read_, node);
      if (!next)
        return std::nullopt;
      node = *next;
      if (!is_waiter(node))
        return take(node - layout_.queue);
    }
    return std::nullopt;
  }

  // The waiters form a ring without the lock: its address is on the stack, too.
  std::optional<LockWait> by_stack_words(std::uint64_t waiter) const {
    std::vector<std::uint64_t> ring{waiter};
    auto node = read_word(read_, waiter + layout_.list);
    while (node && *node != waiter + layout_.list && ring.size() < most_waiters) {
      ring.push_back(*node - layout_.list);
      node = read_word(read_, *node);
    }
    for (const std::uint64_t word : words_) {
      if (!is_kernel_address(word) || word % 8 != 0)
        continue;
      const auto first = read_word(read_, word + layout_.queue);
      if (first && std::find(ring.begin(), ring.end(), *first) != ring.end())
        if (auto found = take(word))
          return found;
    }
    return std::nullopt;
  }

  std::string name_of(std::uint64_t lock) const {
    const auto address =
        layout_.name ? read_word(read_, lock + *layout_.name) : std::optional<std::uint64_t>();
    std::string name;
    std::uint8_t byte = 0;
    while (address && name.size() < longest_name && read_(*address + name.size(), {&byte, 1}) &&
           byte != 0)
      name += static_cast<char>(byte);
    return base::printable(name);
  }

  const LockLayout& layout_;
  const ReadKernel& read_;
  const Task& task_;
  const TaskIndex& tasks_;
  std::vector<std::uint64_t> words_;
};

} // namespace

std::optional<LockLayout> lock_layout(const KernelImage& kernel, LockKind kind) {
  const bool mutex = kind == LockKind::mutex;
  const char* lock = mutex ? "mutex" : "rw_semaphore";
  const char* waiter = mutex ? "mutex_waiter" : "rwsem_waiter";
  const auto list = kernel.member(waiter, "list");
  const auto task = kernel.member(waiter, "task");
  const auto owner = kernel.member(lock, "owner");
  const auto first = kernel.member(lock, "first_waiter");
  const auto queue = first ? first : kernel.member(lock, "wait_list");
  if (!list || !task || !owner || !queue)
    return std::nullopt;
  const auto name = kernel.member(lock, "dep_map.name");
  return LockLayout{kind,
                    list->offset,
                    task->offset,
                    owner->offset,
                    queue->offset,
                    first.has_value(),
                    name ? std::optional(name->offset) : std::nullopt};
}

TaskIndex::TaskIndex(std::span<const Task> tasks) {
  for (const Task& task : tasks)
    by_address_.emplace(task.address, &task);
}

const Task* TaskIndex::find(std::uint64_t address) const {
  const auto found = by_address_.find(address);
  return found == by_address_.end() ? nullptr : found->second;
}

std::optional<LockWait> find_lock_wait(const LockLayout& layout, const ReadKernel& read,
                                       const Task& task, const TaskIndex& tasks) {
  Search search(layout, read, task, tasks);
  if (layout.kind == LockKind::mutex && is_kernel_address(task.blocked_on))
    if (auto found = search.take(task.blocked_on))
      return found;
  return search.run();
}

std::optional<LockKind> lock_kind(std::span<const std::string> functions) {
  const auto begins = [](std::string_view name, std::string_view start) {
    return name.substr(0, start.size()) == start;
  };
  for (std::string_view name : functions) {
    while (begins(name, "_"))
      name.remove_prefix(1);
    if (begins(name, "mutex_lock") || begins(name, "ww_mutex_lock"))
      return LockKind::mutex;
    for (const std::string_view start :
         {"rwsem_down", "call_rwsem_down", "down_read", "down_write"})
      if (begins(name, start))
        return LockKind::rwsem;
  }
  return std::nullopt;
}

} // namespace harness
