// Tasks in memory by hand.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/inspect/tasks.hpp"
#include "tests/unit/inspect/guest_pages.hpp"

class KernelByHand {
 public:
  KernelByHand() {
    layout.tasks = 16;
    layout.thread_node = 32;
    layout.signal = 48;
    layout.thread_head = 24;
    layout.pid = 56;
    layout.tgid = 60;
    layout.comm = 64;
    layout.state = {80, 4, 1, 0, 0};
    layout.on_cpu = {84, 1, 1, 0, 0};
    layout.flags = 88;
    layout.stack = 96;
    layout.sp = 104;
    layout.inactive = harness::TaskLayout::Inactive{40, 48, 56};
    layout.size = 128;
  }
  KernelByHand(const KernelByHand&) = delete;
  KernelByHand& operator=(const KernelByHand&) = delete;

  GuestPages memory;
  harness::TaskLayout layout;
  harness::ReadKernel read = [this](std::uint64_t address, std::span<std::uint8_t> to) {
    return memory.read(address, to);
  };

  void put(std::uint64_t address, std::uint64_t value) { memory.put(address, value); }

  // Its struct task_struct; its stack has 16 KiB, of which the upper half is used.
  std::uint64_t add_task(const std::string& comm, std::uint32_t pid, std::uint32_t state) {
    const std::uint64_t task = 0xffff888000100000 + 0x1000 * count_;
    const std::uint64_t signal = task + 0x800;
    const std::uint64_t stack = 0xffffc90000000000 + 0x10000 * count_++;
    for (std::uint64_t page = 0; page < 4; ++page)
      put(stack + page * GuestPages::page_size, 0);
    memory.put(task + layout.pid, pid);
    memory.put(task + layout.tgid, pid);
    memory.write(task + layout.comm,
                 std::span(reinterpret_cast<const std::uint8_t*>(comm.c_str()), comm.size() + 1));
    memory.put(task + layout.state.offset, state);
    put(task + layout.stack, stack);
    put(task + layout.sp, stack + 0x2000);
    put(task + layout.signal, signal);
    link({signal + layout.thread_head, task + layout.thread_node});
    return task;
  }

  void link_tasks(const std::vector<std::uint64_t>& tasks) { link(nodes(tasks, layout.tasks)); }

  void link_threads(std::uint64_t leader, const std::vector<std::uint64_t>& threads) {
    std::vector<std::uint64_t> all = nodes(threads, layout.thread_node);
    all.insert(all.begin(), {leader + 0x800 + layout.thread_head, leader + layout.thread_node});
    link(all);
  }

 private:
  static std::vector<std::uint64_t> nodes(std::vector<std::uint64_t> tasks, std::size_t offset) {
    for (std::uint64_t& task : tasks)
      task += offset;
    return tasks;
  }
  void link(const std::vector<std::uint64_t>& ring) {
    for (std::size_t i = 0; i < ring.size(); ++i) {
      put(ring[i], ring[(i + 1) % ring.size()]);
      put(ring[(i + 1) % ring.size()] + 8, ring[i]);
    }
  }

  std::uint64_t count_ = 0;
};
