#include "harness/report/instructions.hpp"

#include <array>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "harness/report/capstone_api.hpp"
#include "harness/report/x86_spelling.hpp"
#include "harness/report/x86_unknown.hpp"
#include "vmm/base/error.hpp"

namespace harness {

namespace {

struct Decoded {
  std::size_t size = 0;
  std::string mnemonic;
  std::string operands;
};

class Capstone {
 public:
  explicit Capstone(Machine machine) : machine_(machine) {
    const cs_arch arch = machine == Machine::arm64 ? CS_ARCH_ARM64 : CS_ARCH_X86;
    const cs_mode mode = machine == Machine::x86_64   ? CS_MODE_64
                         : machine == Machine::x86_32 ? CS_MODE_32
                                                      : CS_MODE_LITTLE_ENDIAN;
    if (const cs_err error = api_.open(arch, mode, &handle_); error != CS_ERR_OK)
      throw base::Error(fmt::format("capstone: {}", api_.strerror(error)));
    if (machine != Machine::arm64)
      api_.option(handle_, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT);
    api_.option(handle_, CS_OPT_UNSIGNED, CS_OPT_ON);
    one_ = api_.malloc(handle_);
  }
  Capstone(const Capstone&) = delete;
  Capstone& operator=(const Capstone&) = delete;
  ~Capstone() {
    if (one_)
      api_.free(one_, 1);
    api_.close(&handle_);
  }

  std::optional<Decoded> decode(std::string_view bytes) const {
    const auto* code = reinterpret_cast<const std::uint8_t*>(bytes.data());
    std::size_t left = bytes.size();
    std::uint64_t address = 0;
    if (!one_ || !api_.disasm_iter(handle_, &code, &left, &address, one_))
      return {};
    return Decoded{one_->size, one_->mnemonic, one_->op_str};
  }

  Machine machine() const { return machine_; }

 private:
  const CapstoneApi& api_ = capstone();
  Machine machine_;
  csh handle_ = 0;
  cs_insn* one_ = nullptr; // reused
};

// An instruction as capstone shows it, or as one of equal form that capstone knows shows it.
std::optional<Decoded> decode(const Capstone& library, std::string_view bytes) {
  if (library.machine() == Machine::arm64)
    return library.decode(bytes);
  const std::optional<UnknownForm> form = unknown_form(bytes);
  if (!form)
    return library.decode(bytes);
  if (form->like.empty())
    return form->size <= bytes.size() ? std::optional(Decoded{form->size, form->name, ""})
                                      : std::nullopt;
  std::optional<Decoded> known = library.decode(form->like);
  if (!known)
    return {};
  return Decoded{form->size == 0 ? known->size : form->size, form->name, known->operands};
}

// The distance that a direct jump or call gives as its one operand; capstone was told that the
// instruction is at 0.
std::optional<std::int64_t> target_of(const Capstone& library, const Decoded& found) {
  const std::string_view name = found.mnemonic;
  std::string_view number = found.operands;
  if (library.machine() == Machine::arm64) {
    if (name != "b" && name != "bl" && !name.starts_with("b.") && !name.starts_with("cb") &&
        !name.starts_with("tb"))
      return {};
    const std::size_t last = number.rfind('#');
    number.remove_prefix(last == std::string_view::npos ? number.size() : last + 1);
  } else if (name[0] != 'j' && name.find("call") == std::string_view::npos &&
             name.find(" j") == std::string_view::npos && !name.starts_with("loop") &&
             name != "xbegin") {
    return {};
  }
  std::uint64_t value = 0;
  const bool hex = number.starts_with("0x");
  if (hex)
    number.remove_prefix(2);
  auto [end, error] =
      std::from_chars(number.data(), number.data() + number.size(), value, hex ? 16 : 10);
  if (error != std::errc() || end != number.data() + number.size())
    return {};
  if (library.machine() == Machine::x86_32)
    return static_cast<std::int32_t>(value);
  return static_cast<std::int64_t>(value);
}

} // namespace

struct InstructionDecoder::State {
  explicit State(Machine machine) : library(machine) {}
  Capstone library;
};

InstructionDecoder::InstructionDecoder(Machine machine)
    : state_(std::make_unique<State>(machine)) {}
InstructionDecoder::~InstructionDecoder() = default;

std::size_t InstructionDecoder::size_at(std::string_view bytes) const {
  const std::optional<Decoded> found = decode(state_->library, bytes);
  return found && found->size <= bytes.size() ? found->size : 0;
}

std::string
InstructionDecoder::text_at(std::string_view bytes,
                            const std::function<std::string(std::int64_t)>& name) const {
  const std::optional<Decoded> found = decode(state_->library, bytes);
  if (!found)
    return {};
  std::string operands = found->operands;
  const bool arm = state_->library.machine() == Machine::arm64;
  if (const auto target = target_of(state_->library, *found)) {
    const std::size_t last = arm ? operands.rfind('#') : 0;
    operands = operands.substr(0, last) + name(*target);
    return fmt::format("{:<6} {}", arm ? found->mnemonic : x86_text(found->mnemonic, ""), operands);
  }
  if (!arm)
    return x86_text(found->mnemonic, operands);
  return operands.empty() ? found->mnemonic : fmt::format("{:<6} {}", found->mnemonic, operands);
}

} // namespace harness
