#include "harness/inspect/cfi.hpp"

#include <cstddef>
#include <cstdlib>
#include <dwarf.h>
#include <memory>
#include <vector>

namespace harness {

namespace {

using Word = std::optional<std::uint64_t>;

constexpr int return_column = 16;
constexpr std::size_t most_operations = 64;

// DWARF's numbers (System V psABI for x86-64, figure "DWARF Register Number Mapping") into those of
// instructions.
constexpr std::array<unsigned, 16> by_dwarf{rax, rdx, rcx, rbx, rsi, rdi, rbp, rsp,
                                            8,   9,   10,  11,  12,  13,  14,  15};

struct Context {
  const FrameRegisters& frame;
  const ReadKernel& read;
  Word cfa; // nothing while it is computed
};

Word register_value(const Context& context, std::uint64_t number) {
  return number < by_dwarf.size() ? context.frame.general[by_dwarf[number]] : std::nullopt;
}

// A stack machine for the few operations that compilers use here.
class Evaluator {
 public:
  explicit Evaluator(const Context& context) : context_(context) {}

  bool run(const Dwarf_Op* operations, std::size_t count) {
    if (count > most_operations)
      return false;
    for (std::size_t i = 0; i < count; ++i)
      if (!step(operations[i]))
        return false;
    return !stack_.empty();
  }

  bool is_value() const { return is_value_; }
  std::uint64_t top() const { return stack_.back(); }

 private:
  bool push(Word value) {
    if (value)
      stack_.push_back(*value);
    return value.has_value();
  }

  bool push_sum(Word base, std::uint64_t offset) { return base && push(*base + offset); }

  bool dereference() {
    if (stack_.empty())
      return false;
    const Word found = read_word(context_.read, stack_.back());
    stack_.pop_back();
    return push(found);
  }

  bool add(std::uint64_t number) {
    if (stack_.empty())
      return false;
    stack_.back() += number;
    return true;
  }

  bool step(const Dwarf_Op& operation) {
    const unsigned atom = operation.atom;
    if (atom >= DW_OP_breg0 && atom <= DW_OP_breg31)
      return push_sum(register_value(context_, atom - DW_OP_breg0), operation.number);
    if (atom >= DW_OP_lit0 && atom <= DW_OP_lit31)
      return push(atom - DW_OP_lit0);
    switch (atom) {
    case DW_OP_bregx:
      return push_sum(register_value(context_, operation.number), operation.number2);
    case DW_OP_regx:
      is_value_ = true;
      return push(register_value(context_, operation.number));
    case DW_OP_call_frame_cfa:
      return push(context_.cfa);
    case DW_OP_plus_uconst:
      return add(operation.number);
    case DW_OP_deref:
      return dereference();
    case DW_OP_stack_value:
      is_value_ = true;
      return true;
    default:
      return false;
    }
  }

  const Context& context_;
  std::vector<std::uint64_t> stack_;
  bool is_value_ = false;
};

Word frame_address(Dwarf_Frame* frame, const Context& context) {
  Dwarf_Op* operations = nullptr;
  std::size_t count = 0;
  Evaluator evaluator(context);
  if (dwarf_frame_cfa(frame, &operations, &count) != 0 || !evaluator.run(operations, count))
    return std::nullopt;
  return evaluator.top();
}

// What a register was before the call; nothing where that is not known.
Word caller_value(Dwarf_Frame* frame, int number, const Context& context) {
  std::array<Dwarf_Op, 3> memory{};
  Dwarf_Op* operations = nullptr;
  std::size_t count = 0;
  if (dwarf_frame_register(frame, number, memory.data(), &operations, &count) != 0)
    return std::nullopt;
  if (count == 0) // "same value" has no operations at all, "undefined" those of no length
    return operations == nullptr && number < return_column
               ? register_value(context, static_cast<std::uint64_t>(number))
               : std::nullopt;
  Evaluator evaluator(context);
  if (!evaluator.run(operations, count))
    return std::nullopt;
  return evaluator.is_value() ? Word(evaluator.top()) : read_word(context.read, evaluator.top());
}

} // namespace

std::optional<FrameRegisters> cfi_step(Dwarf_CFI* cfi, const FrameRegisters& frame,
                                       const ReadKernel& read) {
  Dwarf_Frame* rules = nullptr;
  const std::uint64_t address = frame.ip - (frame.exact ? 0 : 1);
  if (cfi == nullptr || dwarf_cfi_addrframe(cfi, address, &rules) != 0)
    return std::nullopt;
  const std::unique_ptr<Dwarf_Frame, decltype(&std::free)> owner(rules, &std::free);
  Context context{frame, read, std::nullopt};
  context.cfa = frame_address(rules, context);
  const Word ip = context.cfa ? caller_value(rules, return_column, context) : std::nullopt;
  if (!ip)
    return std::nullopt;
  FrameRegisters caller;
  caller.ip = *ip;
  for (std::size_t i = 0; i < by_dwarf.size(); ++i)
    caller.general[by_dwarf[i]] = caller_value(rules, static_cast<int>(i), context);
  caller.general[rsp] = context.cfa;
  return caller;
}

} // namespace harness
