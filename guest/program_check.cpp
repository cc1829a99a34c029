#include "guest/program.hpp"

namespace guest {

namespace {

constexpr std::size_t max_arguments = 6;

// Walks a program and says what is wrong with it first.
class Checker {
 public:
  explicit Checker(const Program& program) : program_(program) {}

  std::string run() {
    if (program_.descriptors > max_slots || program_.buffers > max_slots)
      return "too many slots";
    if (program_.steps.size() > max_steps)
      return "too many steps";
    body(0, program_.steps.size(), 0);
    return problem_;
  }

 private:
  void require(bool condition, const char* problem) {
    if (!condition && problem_.empty())
      problem_ = problem;
  }

  void body(std::size_t first, std::size_t last, unsigned depth) {
    require(depth <= max_depth, "bodies nested too deep");
    for (std::size_t i = first; i < last && problem_.empty(); ++i) {
      const Action& action = program_.steps[i].action;
      const auto* repeat = std::get_if<Repeat>(&action);
      const auto* thread = std::get_if<Thread>(&action);
      step(action);
      if (!repeat && !thread)
        continue;
      threads_ += thread ? 1 : 0;
      require(threads_ < max_threads, "too many threads");
      const std::size_t size = repeat ? repeat->body : thread->body;
      require(size <= last - i - 1, "a body is longer than the program");
      if (!problem_.empty())
        return;
      body(i + 1, i + 1 + size, depth + 1);
      i += size;
    }
  }

  void step(const Action& action) {
    if (const auto* calls = std::get_if<Calls>(&action)) {
      require(!calls->calls.empty(), "a step has no call");
      for (const Call& call : calls->calls)
        check_call(call);
    } else if (const auto* store = std::get_if<Store>(&action)) {
      require(store->slot < buffers(), "a buffer's slot is out of range");
      check_data(store->data);
    }
  }

  void check_call(const Call& call) {
    require(call.arguments.size() <= max_arguments, "a call has too many arguments");
    require(call.slot == no_slot || call.slot < (call.maps != 0 ? buffers() : descriptors()),
            "a result's slot is out of range");
    require(call.forget == no_slot || call.forget < descriptors(), "a closed slot is out of range");
    for (const Argument& argument : call.arguments) {
      if (const auto* descriptor = std::get_if<Descriptor>(&argument))
        require(descriptor->slot < descriptors(), "a descriptor's slot is out of range");
      if (const auto* address = std::get_if<Address>(&argument))
        require(address->slot < buffers(), "a buffer's slot is out of range");
      if (const auto* data = std::get_if<Data>(&argument))
        check_data(*data);
    }
  }

  void check_data(const Data& data) {
    for (const Fixup& fixup : data.fixups) {
      const bool descriptor = fixup.kind == Fixup::Kind::descriptor;
      const std::size_t size = descriptor ? 4 : 8;
      require(fixup.slot < (descriptor ? descriptors() : buffers()),
              "a fixup's slot is out of range");
      require(fixup.offset <= data.bytes.size() && data.bytes.size() - fixup.offset >= size,
              "a fixup is outside its data");
    }
  }

  std::uint32_t descriptors() const { return program_.descriptors; }
  std::uint32_t buffers() const { return program_.buffers; }

  const Program& program_;
  std::uint32_t threads_ = 0;
  std::string problem_;
};

} // namespace

std::string check(const Program& program) { return Checker(program).run(); }

} // namespace guest
