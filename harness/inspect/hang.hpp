// Why a guest hangs, found from outside and without its help.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>

#include "harness/backend/backend.hpp"
#include "harness/inspect/hang_verdict.hpp"
#include "harness/inspect/kernel_image.hpp"
#include "harness/inspect/kernel_memory.hpp"
#include "harness/inspect/loaded_modules.hpp"

namespace harness {

// Looks at a guest several times, then says what is wrong. Whoever calls it waits between the looks
// and may poll the guest meanwhile. One thread at a time.
class HangWatch {
 public:
  // Both are borrowed. Needs Capabilities::inspect. Throws base::Error where the kernel's file
  // cannot be used or lacks what is asked of it; the first for a kernel takes longest (its
  // debug information is looked through).
  HangWatch(Guest& guest, const KernelImage& kernel);
  HangWatch(const HangWatch&) = delete;
  HangWatch& operator=(const HangWatch&) = delete;
  ~HangWatch() = default;

  // Holds the guest for a few milliseconds. Throws base::Error where the backend fails, as when the
  // guest has ended.
  void look();

  // Once, after at least two looks; holds the guest once more. Throws as look().
  HangDiagnosis finish();

 private:
  using Clock = std::chrono::steady_clock;

  CpuLook look_at(const CpuRegisters& cpu, std::uint64_t task) const;
  NamedFrame name_frame(const StackFrame& frame) const;
  std::vector<NamedFrame> stack_of(const FrameRegisters& start) const;
  std::vector<Task> all_tasks() const;
  StuckTask stuck(const Task& task, const TaskIndex& index) const;
  std::string lock_text(const LockWait& wait) const;
  void note_modules();
  void note_sleepers(const TaskIndex& index);
  void note_owners(const TaskIndex& index);

  Guest& guest_;
  const KernelImage& kernel_;
  KernelMemory memory_;
  ReadKernel read_;
  TaskLayout layout_;
  std::map<LockKind, LockLayout> locks_;
  UnwindTables tables_;
  std::string top_; // see resolve_at
  std::vector<LoadedModule> modules_;
  HangFacts facts_;
  std::map<std::uint64_t, std::uint64_t> asleep_; // at the first look: task to stack pointer
  Clock::time_point begin_;
};

struct HangLooks {
  unsigned count = 8;
  std::chrono::milliseconds apart{60};
};

// All of it, with a watch that has not looked yet; wait is called between the looks, and may throw
// to give up.
HangDiagnosis diagnose_hang(HangWatch& watch, const HangLooks& looks,
                            const std::function<void(std::chrono::milliseconds)>& wait);

} // namespace harness
