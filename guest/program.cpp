#include "guest/program.hpp"

#include <algorithm>

#include "guest/bytes.hpp"

namespace guest {

namespace {

constexpr std::string_view magic = "krepro program";

template<class... F> struct Overloaded : F... { using F::operator()...; };
template<class... F> Overloaded(F...) -> Overloaded<F...>;

void put(Writer& out, const Data& data) {
  out.put_text(data.bytes);
  out.put(static_cast<std::uint32_t>(data.fixups.size()));
  for (const Fixup& fixup : data.fixups) {
    out.put(static_cast<std::uint8_t>(fixup.kind));
    out.put(fixup.offset);
    out.put(fixup.slot);
    out.put(fixup.addend);
  }
}

void get(Reader& in, Data& data) {
  in.get_text(data.bytes);
  data.fixups.resize(in.get_count(17));
  for (Fixup& fixup : data.fixups) {
    std::uint8_t kind = 0;
    in.get(kind);
    if (kind > static_cast<std::uint8_t>(Fixup::Kind::address))
      in.fail();
    fixup.kind = static_cast<Fixup::Kind>(kind);
    in.get(fixup.offset);
    in.get(fixup.slot);
    in.get(fixup.addend);
  }
}

void put(Writer& out, const Argument& argument) {
  out.put(static_cast<std::uint8_t>(argument.index()));
  std::visit(Overloaded{[&](const Value& value) { out.put(value.number); },
                        [&](const Descriptor& descriptor) { out.put(descriptor.slot); },
                        [&](const Address& address) {
                          out.put(address.slot);
                          out.put(address.addend);
                        },
                        [&](const Data& data) { put(out, data); }},
             argument);
}

void get(Reader& in, Argument& argument) {
  std::uint8_t index = 0;
  in.get(index);
  switch (index) {
  case 0:
    in.get(argument.emplace<Value>().number);
    break;
  case 1:
    in.get(argument.emplace<Descriptor>().slot);
    break;
  case 2: {
    Address& address = argument.emplace<Address>();
    in.get(address.slot);
    in.get(address.addend);
    break;
  }
  case 3:
    get(in, argument.emplace<Data>());
    break;
  default:
    in.fail();
  }
}

void put(Writer& out, const Calls& calls) {
  out.put(static_cast<std::uint32_t>(calls.calls.size()));
  for (const Call& call : calls.calls) {
    out.put(call.number);
    out.put(static_cast<std::uint32_t>(call.arguments.size()));
    for (const Argument& argument : call.arguments)
      put(out, argument);
    out.put(call.slot);
    out.put(call.maps);
    out.put(call.forget);
  }
}

void get(Reader& in, Calls& calls) {
  calls.calls.resize(in.get_count(24));
  for (Call& call : calls.calls) {
    in.get(call.number);
    call.arguments.resize(in.get_count(5));
    for (Argument& argument : call.arguments)
      get(in, argument);
    in.get(call.slot);
    in.get(call.maps);
    in.get(call.forget);
  }
}

void put(Writer& out, const Action& action) {
  out.put(static_cast<std::uint8_t>(action.index()));
  std::visit(Overloaded{[&](const Calls& calls) { put(out, calls); },
                        [&](const Store& store) {
                          out.put(store.slot);
                          out.put(store.offset);
                          put(out, store.data);
                        },
                        [&](const Sleep& sleep) { out.put(sleep.microseconds); },
                        [&](const Repeat& repeat) {
                          out.put(repeat.count);
                          out.put(repeat.body);
                        },
                        [&](const Thread& thread) { out.put(thread.body); }, [](const Join&) {}},
             action);
}

void get(Reader& in, Action& action) {
  std::uint8_t index = 0;
  in.get(index);
  switch (index) {
  case 0:
    get(in, action.emplace<Calls>());
    break;
  case 1: {
    Store& store = action.emplace<Store>();
    in.get(store.slot);
    in.get(store.offset);
    get(in, store.data);
    break;
  }
  case 2:
    in.get(action.emplace<Sleep>().microseconds);
    break;
  case 3: {
    Repeat& repeat = action.emplace<Repeat>();
    in.get(repeat.count);
    in.get(repeat.body);
    break;
  }
  case 4:
    in.get(action.emplace<Thread>().body);
    break;
  case 5:
    action.emplace<Join>();
    break;
  default:
    in.fail();
  }
}

void put(Writer& out, const Expectation& expectation) {
  out.put(static_cast<std::uint8_t>(expectation.kind));
  out.put(expectation.result);
  out.put(static_cast<std::uint32_t>(expectation.errors.size()));
  for (const std::int32_t error : expectation.errors)
    out.put(error);
}

void get(Reader& in, Expectation& expectation) {
  std::uint8_t kind = 0;
  in.get(kind);
  if (kind > static_cast<std::uint8_t>(Expectation::Kind::result))
    in.fail();
  expectation.kind = static_cast<Expectation::Kind>(kind);
  in.get(expectation.result);
  expectation.errors.resize(in.get_count(4));
  for (std::int32_t& error : expectation.errors)
    in.get(error);
}

void put(Writer& out, const Requirement& requirement) {
  out.put(static_cast<std::uint8_t>(requirement.kind));
  out.put(requirement.number);
  out.put_text(requirement.text);
  out.put_text(requirement.config);
}

void get(Reader& in, Requirement& requirement) {
  std::uint8_t kind = 0;
  in.get(kind);
  if (kind > static_cast<std::uint8_t>(Requirement::Kind::socket))
    in.fail();
  requirement.kind = static_cast<Requirement::Kind>(kind);
  in.get(requirement.number);
  in.get_text(requirement.text);
  in.get_text(requirement.config);
}

} // namespace

bool meets(const Expectation& expectation, std::int64_t result, std::int32_t error) {
  switch (expectation.kind) {
  case Expectation::Kind::success:
    return error == 0;
  case Expectation::Kind::failure:
    return error != 0 && (expectation.errors.empty() ||
                          std::find(expectation.errors.begin(), expectation.errors.end(), error) !=
                              expectation.errors.end());
  case Expectation::Kind::result:
    return error == 0 && result == expectation.result;
  case Expectation::Kind::any:
    break;
  }
  return true;
}

std::string encode(const Program& program) {
  Writer out;
  out.put_text(magic);
  out.put(program_version);
  out.put(static_cast<std::uint32_t>(program.requirements.size()));
  for (const Requirement& requirement : program.requirements)
    put(out, requirement);
  out.put(program.descriptors);
  out.put(program.buffers);
  out.put(static_cast<std::uint32_t>(program.steps.size()));
  for (const ProgramStep& step : program.steps) {
    put(out, step.action);
    put(out, step.expectation);
  }
  return out.take();
}

std::optional<Program> decode_program(std::string_view bytes) {
  Reader in(bytes);
  std::string found;
  in.get_text(found);
  std::uint32_t version = 0;
  in.get(version);
  if (found != magic || version != program_version)
    return std::nullopt;
  Program program;
  program.requirements.resize(in.get_count(13));
  for (Requirement& requirement : program.requirements)
    get(in, requirement);
  in.get(program.descriptors);
  in.get(program.buffers);
  program.steps.resize(in.get_count(14));
  for (ProgramStep& step : program.steps) {
    get(in, step.action);
    get(in, step.expectation);
  }
  if (!in.at_end() || !check(program).empty())
    return std::nullopt;
  return program;
}

} // namespace guest
