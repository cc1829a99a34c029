#include "harness/inspect/hang.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "harness/report/frames.hpp"
#include "vmm/base/error.hpp"

namespace harness {

namespace {

constexpr std::uint64_t interrupt_flag = 1u << 9; // of RFLAGS
// Bytes that a kernel's own report shows before RIP and from it on.
constexpr std::size_t code_before = 42;
constexpr std::size_t code_after = 22;
constexpr std::size_t most_sleepers = 64; // whose stacks are read

// Holds a guest for as long as it lives.
class Hold {
 public:
  explicit Hold(Guest& guest) : guest_(guest) { guest_.pause(); }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  ~Hold() {
    try {
      guest_.resume();
    } catch (const base::Error&) { // the next look or poll says so
    }
  }

 private:
  Guest& guest_;
};

TaskLayout needed_layout(const KernelImage& kernel) {
  if (kernel.file() == nullptr)
    throw base::Error("no diagnosis: " + kernel.why());
  const auto layout = task_layout(kernel);
  if (!layout)
    throw base::Error("no diagnosis: the vmlinux does not say what a task looks like");
  return *layout;
}

} // namespace

HangWatch::HangWatch(Guest& guest, const KernelImage& kernel)
    : guest_(guest), kernel_(kernel),
      memory_(kernel,
              [&guest](std::uint64_t address, auto to) { return guest.read_memory(address, to); }),
      read_([this](std::uint64_t address, std::span<std::uint8_t> to) {
        return memory_.read(address, to);
      }),
      layout_(needed_layout(kernel)), tables_(unwind_tables(*kernel.file())),
      top_(source_folder(*kernel.file())) {
  for (const LockKind kind : {LockKind::mutex, LockKind::rwsem})
    if (const auto layout = lock_layout(kernel, kind))
      locks_.emplace(kind, *layout);
}

NamedFrame HangWatch::name_frame(const StackFrame& frame) const {
  NamedFrame named{frame, "", {}};
  const std::uint64_t inside = frame.ip - (frame.exact ? 0 : 1);
  const ElfSymbol* symbol = frame.module ? nullptr : kernel_.file()->symbols().at(inside);
  if (symbol == nullptr) {
    const auto place = find_in_modules(modules_, read_, frame.ip, frame.exact);
    named.place = place ? place->text : fmt::format("[module?] {:#x}", frame.ip);
    named.functions.push_back({place ? place->function : "[module?]", "", 0, false});
    return named;
  }
  named.place =
      fmt::format("{}+{:#x}/{:#x}", symbol->name, frame.ip - symbol->address, symbol->span);
  named.functions = resolve_at(*kernel_.file(), top_, inside);
  if (named.functions.empty())
    named.functions.push_back({symbol->name, "", 0, false});
  return named;
}

std::vector<NamedFrame> HangWatch::stack_of(const FrameRegisters& start) const {
  std::vector<NamedFrame> stack;
  for (const StackFrame& frame : unwind(tables_, start, read_))
    stack.push_back(name_frame(frame));
  return stack;
}

CpuLook HangWatch::look_at(const CpuRegisters& cpu, std::uint64_t task) const {
  CpuLook look;
  look.user = cpu.user;
  look.halted = cpu.halted;
  look.started = !cpu.halted || cpu.cr3 != 0; // a kernel has page tables
  look.interrupts = (cpu.rflags & interrupt_flag) != 0;
  look.registers = cpu;
  if (const auto found = read_task(layout_, read_, task)) {
    look.task = task;
    look.pid = found->pid;
  }
  if (cpu.user)
    return look;
  look.stack = stack_of(frame_of(cpu));
  std::array<std::uint8_t, code_before + code_after> bytes{};
  if (read_(cpu.rip - code_before, bytes)) {
    look.code.assign(bytes.begin(), bytes.end());
    look.fault = code_before;
  }
  return look;
}

void HangWatch::look() {
  const Hold hold(guest_);
  memory_.forget();
  const std::vector<CpuRegisters> cpus = guest_.registers();
  if (facts_.looks.empty())
    note_modules();
  const auto tasks = current_tasks(kernel_, read_, static_cast<unsigned>(cpus.size()));
  Look look;
  for (std::size_t i = 0; i < cpus.size(); ++i)
    look.push_back(look_at(cpus[i], tasks[i]));
  const Clock::time_point now = Clock::now();
  if (facts_.looks.empty()) {
    begin_ = now;
    for (const Task& task : all_tasks())
      asleep_.emplace(task.address, task.sp);
  }
  facts_.looks.push_back(std::move(look));
  facts_.seconds = std::chrono::duration<double>(now - begin_).count();
}

void HangWatch::note_modules() {
  const auto layout = module_layout(kernel_);
  const auto list = kernel_.symbol("modules");
  if (layout && list)
    modules_ = read_modules(*layout, read_, *list);
  for (const LoadedModule& module : modules_) {
    tables_.modules.push_back({module.base, module.size, tables_.orc.another()});
    tables_.modules.back().table.add(module.orc_ips, module.orc_ips_address, module.orc_entries);
  }
}

std::vector<Task> HangWatch::all_tasks() const {
  const auto first = kernel_.symbol("init_task");
  return first ? read_tasks(layout_, read_, *first) : std::vector<Task>();
}

std::string HangWatch::lock_text(const LockWait& wait) const {
  const ElfSymbol* symbol = kernel_.file()->symbols().data_at(wait.lock);
  if (symbol != nullptr)
    return symbol->address == wait.lock
               ? symbol->name
               : fmt::format("{}+{:#x}", symbol->name, wait.lock - symbol->address);
  return wait.name.empty() ? fmt::format("{:#x}", wait.lock)
                           : fmt::format("{} at {:#x}", wait.name, wait.lock);
}

StuckTask HangWatch::stuck(const Task& task, const TaskIndex& index) const {
  StuckTask stuck{task, stack_of(sleeping_frame(layout_, task, read_)), std::nullopt, ""};
  const auto kind = lock_kind(functions_of(stuck.stack));
  const auto layout = kind ? locks_.find(*kind) : locks_.end();
  if (layout != locks_.end())
    stuck.wait = find_lock_wait(layout->second, read_, task, index);
  if (stuck.wait)
    stuck.lock = lock_text(*stuck.wait);
  return stuck;
}

// Those that have not moved since the first look.
void HangWatch::note_sleepers(const TaskIndex& index) {
  for (const Task& task : facts_.tasks) {
    const auto before = asleep_.find(task.address);
    const bool moved = before == asleep_.end() || before->second != task.sp;
    if (task.on_cpu || moved)
      continue;
    const char state = state_letter(task);
    if (state == 'D' && facts_.blocked.size() < most_sleepers)
      facts_.blocked.push_back(stuck(task, index));
    else if (state == 'S' && !task.kernel_thread && facts_.sleeping.size() < most_sleepers)
      facts_.sleeping.push_back(stuck(task, index));
  }
}

void HangWatch::note_owners(const TaskIndex& index) {
  const auto known = [](const std::vector<StuckTask>& tasks, std::uint64_t address) {
    return std::any_of(tasks.begin(), tasks.end(),
                       [address](const StuckTask& stuck) { return stuck.task.address == address; });
  };
  for (const StuckTask& waiting : facts_.blocked) {
    const Task* owner = waiting.wait ? index.find(waiting.wait->owner) : nullptr;
    if (owner != nullptr && !owner->on_cpu && !known(facts_.blocked, owner->address) &&
        !known(facts_.owners, owner->address))
      facts_.owners.push_back(stuck(*owner, index));
  }
}

HangDiagnosis HangWatch::finish() {
  {
    const Hold hold(guest_);
    memory_.forget();
    facts_.tasks = all_tasks();
    const TaskIndex index(facts_.tasks);
    note_sleepers(index);
    note_owners(index);
  }
  return judge_hang(facts_);
}

HangDiagnosis diagnose_hang(HangWatch& watch, const HangLooks& looks,
                            const std::function<void(std::chrono::milliseconds)>& wait) {
  for (unsigned i = 0; i < looks.count; ++i) {
    if (i != 0)
      wait(looks.apart);
    watch.look();
  }
  return watch.finish();
}

} // namespace harness
