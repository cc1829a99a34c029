#include "harness/inspect/hang_text.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace harness {

namespace {

const Task* find_task(const HangFacts& facts, std::uint64_t address) {
  const auto found = std::find_if(facts.tasks.begin(), facts.tasks.end(),
                                  [&](const Task& task) { return task.address == address; });
  return found == facts.tasks.end() ? nullptr : &*found;
}

std::string use_text(const CpuUse& use) {
  std::string text;
  const auto add = [&text](unsigned count, const char* what) {
    if (count != 0)
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", what, count);
  };
  add(use.kernel, "kernel");
  add(use.user, "user");
  add(use.idle, "idle");
  add(use.halted_for_ever, "halted with interrupts off");
  add(use.not_started, "not started yet");
  return text.empty() ? "not seen" : text;
}

std::string code_line(const CpuLook& look) {
  std::string line = "Code:";
  for (std::size_t i = 0; i < look.code.size(); ++i) {
    const auto byte = static_cast<unsigned char>(look.code[i]);
    line += fmt::format(fmt::runtime(i == look.fault ? " <{:02x}>" : " {:02x}"), byte);
  }
  return look.code.empty() ? "" : line + "\n";
}

// As __show_regs has them (arch/x86/kernel/process_64.c).
std::string register_lines(const CpuRegisters& cpu) {
  const auto& r = cpu.general;
  return fmt::format("RSP: 0018:{:016x} EFLAGS: {:08x}\n"
                     "RAX: {:016x} RBX: {:016x} RCX: {:016x}\n"
                     "RDX: {:016x} RSI: {:016x} RDI: {:016x}\n"
                     "RBP: {:016x} R08: {:016x} R09: {:016x}\n"
                     "R10: {:016x} R11: {:016x} R12: {:016x}\n"
                     "R13: {:016x} R14: {:016x} R15: {:016x}\n",
                     r[4], cpu.rflags, r[0], r[3], r[1], r[2], r[6], r[7], r[5], r[8], r[9], r[10],
                     r[11], r[12], r[13], r[14], r[15]);
}

std::string prefix(const StackFrame& frame) {
  if (frame.exact)
    return "RIP: 0010:";
  return frame.how == UnwindStep::guess ? " ? " : " ";
}

// From a frame on.
std::string trace_lines(const std::vector<NamedFrame>& stack, std::size_t first) {
  std::string text = "Call Trace:\n";
  for (std::size_t i = first; i < stack.size(); ++i)
    text += prefix(stack[i].frame) + stack[i].place + "\n";
  return text;
}

} // namespace

std::string task_name(const Task& task) { return fmt::format("{}:{}", task.comm, task.pid); }

std::string owner_name(const HangFacts& facts, std::uint64_t address) {
  const Task* task = find_task(facts, address);
  return task != nullptr ? task_name(*task) : fmt::format("task {:#x}", address);
}

std::string wait_text(const HangFacts& facts, const StuckTask& task) {
  if (!task.wait)
    return "";
  const char* kind = task.wait->kind == LockKind::mutex ? "mutex" : "rwsem";
  std::string text = fmt::format("waits for {} {}", kind, task.lock);
  if (task.wait->owner != 0)
    text += fmt::format(", {} by {}", task.wait->readers ? "last read-locked" : "held",
                        owner_name(facts, task.wait->owner));
  else if (task.wait->readers)
    text += ", held by readers";
  return text;
}

std::string cpu_lines(const HangFacts& facts) {
  std::string text;
  const std::size_t cpus = facts.looks.empty() ? 0 : facts.looks.front().size();
  for (std::size_t cpu = 0; cpu < cpus; ++cpu)
    text += fmt::format("CPU {}: {} of {} looks\n", cpu, use_text(use_of(facts.looks, cpu)),
                        facts.looks.size());
  return text;
}

std::string spin_text(const HangFacts& facts, const Spin& spin) {
  std::string found;
  for (const auto& [function, count] : spin.at)
    found += fmt::format("{}{} {}", found.empty() ? "" : ", ", function, count);
  const Task* task = find_task(facts, spin.task);
  std::string text = fmt::format("found in: {}\nCPU: {} PID: {} Comm: {}\n", found, spin.cpu,
                                 task != nullptr ? task->pid : spin.example.pid,
                                 task != nullptr ? task->comm : "swapper");
  const auto& stack = spin.example.stack;
  text += fmt::format("RIP: 0010:{}\n", stack.front().place);
  text += code_line(spin.example) + register_lines(spin.example.registers);
  return text + trace_lines(stack, 1);
}

std::string stuck_text(const HangFacts& facts, const StuckTask& task) {
  std::string text = fmt::format("task:{} state:{} pid:{} tgid:{}\n", task.task.comm,
                                 state_letter(task.task), task.task.pid, task.task.tgid);
  if (const std::string wait = wait_text(facts, task); !wait.empty())
    text += wait + "\n";
  return text + trace_lines(task.stack, 0);
}

} // namespace harness
