#include "guest/program.hpp"

#include <catch2/catch.hpp>
#include <random>

using namespace guest;

namespace {

// One of everything.
Program sample() {
  Program program;
  program.requirements = {
      {Requirement::Kind::path, 0, "/dev/vhost-net", "CONFIG_VHOST_NET"},
      {Requirement::Kind::socket, 40, "sockets of family AF_VSOCK", "CONFIG_VSOCKETS"}};
  program.descriptors = 3;
  program.buffers = 2;
  Call open;
  open.number = 257;
  open.arguments = {Value{~std::uint64_t{99}}, Data{std::string("/dev/x\0", 7), {}}, Value{2}};
  open.slot = 2;
  Call map;
  map.number = 9;
  map.arguments = {Value{0}, Value{4096}, Address{1, 16}};
  map.slot = 1;
  map.maps = 4096;
  Call close;
  close.number = 3;
  close.arguments = {Descriptor{0}};
  close.forget = 0;
  const Data data{std::string(72, '\x5a'),
                  {{Fixup::Kind::descriptor, 68, 2, 0}, {Fixup::Kind::address, 24, 1, 0x1000}}};
  program.steps = {
      {Calls{{open, map}}, {Expectation::Kind::success, 0, {}}},
      {Repeat{10, 3}, {}},
      {Thread{1}, {}},
      {Store{1, 8, data}, {Expectation::Kind::result, 72, {}}},
      {Join{}, {}},
      {Sleep{5000}, {}},
      {Calls{{close}}, {Expectation::Kind::failure, 0, {9, 14}}},
  };
  return program;
}

ProgramStep step(const Action& action) {
  ProgramStep result;
  result.action = action;
  return result;
}

// A program of one call with one argument.
Program with_argument(Argument argument) {
  Program program;
  program.descriptors = 1;
  program.buffers = 1;
  Call call;
  call.arguments = {std::move(argument)};
  program.steps = {{Calls{{call}}, {}}};
  return program;
}

} // namespace

TEST_CASE("a program comes back as it was encoded") {
  const Program program = sample();
  REQUIRE(check(program).empty());
  const std::string bytes = encode(program);
  const std::optional<Program> decoded = decode_program(bytes);
  REQUIRE(decoded);
  CHECK(encode(*decoded) == bytes);
  CHECK(decoded->requirements[1].config == "CONFIG_VSOCKETS");
  CHECK(decoded->requirements[1].number == 40);
  const auto& open = std::get<Calls>(decoded->steps[0].action).calls[0];
  CHECK(open.slot == 2);
  CHECK(std::get<Data>(open.arguments[1]).bytes.size() == 7);
  CHECK(std::get<Calls>(decoded->steps[0].action).calls[1].maps == 4096);
  CHECK(std::get<Repeat>(decoded->steps[1].action).body == 3);
  const auto& store = std::get<Store>(decoded->steps[3].action);
  CHECK(store.data.fixups[1].addend == 0x1000);
  CHECK(std::get<Sleep>(decoded->steps[5].action).microseconds == 5000);
  CHECK(decoded->steps[6].expectation.errors == std::vector<std::int32_t>{9, 14});
}

TEST_CASE("no part and no extension of a program is one") {
  const std::string bytes = encode(sample());
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK_FALSE(decode_program(std::string_view(bytes).substr(0, size)));
  CHECK_FALSE(decode_program(bytes + '\0'));
}

TEST_CASE("changed bytes give nothing, or a program that passes the check") {
  const std::string bytes = encode(sample());
  std::mt19937 random(3);
  for (int round = 0; round < 20000; ++round) {
    std::string changed = bytes;
    for (unsigned i = 0; i <= random() % 3; ++i)
      changed[random() % changed.size()] = static_cast<char>(random());
    const std::optional<Program> decoded = decode_program(changed);
    if (decoded)
      REQUIRE(check(*decoded).empty());
  }
}

TEST_CASE("a slot or an offset out of range is refused") {
  CHECK(check(with_argument(Descriptor{0})).empty());
  CHECK(check(with_argument(Descriptor{1})) == "a descriptor's slot is out of range");
  CHECK(check(with_argument(Address{1, 0})) == "a buffer's slot is out of range");
  CHECK(check(with_argument(Data{"1234", {{Fixup::Kind::descriptor, 0, 0, 0}}})).empty());
  CHECK(check(with_argument(Data{"1234", {{Fixup::Kind::descriptor, 1, 0, 0}}})) ==
        "a fixup is outside its data");
  CHECK(check(with_argument(Data{"1234", {{Fixup::Kind::address, 0, 0, 0}}})) ==
        "a fixup is outside its data");
  CHECK(check(with_argument(Data{"1234", {{Fixup::Kind::descriptor, 0xffffffff, 0, 0}}})) ==
        "a fixup is outside its data");
  CHECK(check(with_argument(Data{"1234", {{Fixup::Kind::descriptor, 0, 1, 0}}})) ==
        "a fixup's slot is out of range");
  Program program = sample();
  std::get<Store>(program.steps[3].action).slot = 2;
  CHECK(check(program) == "a buffer's slot is out of range");
  program = sample();
  std::get<Calls>(program.steps[0].action).calls[0].slot = 3;
  CHECK(check(program) == "a result's slot is out of range");
  program = sample();
  std::get<Calls>(program.steps[6].action).calls[0].forget = 3;
  CHECK(check(program) == "a closed slot is out of range");
}

TEST_CASE("bodies stay inside what holds them") {
  Program program = sample();
  std::get<Thread>(program.steps[2].action).body = 3;
  CHECK(check(program) == "a body is longer than the program");
  program = sample();
  std::get<Repeat>(program.steps[1].action).body = 0xffffffff;
  CHECK(check(program) == "a body is longer than the program");
}

TEST_CASE("there is an end to everything") {
  Program deep;
  for (std::uint32_t i = 0; i < max_depth; ++i)
    deep.steps.push_back(step(Repeat{1, max_depth - i}));
  deep.steps.push_back(step(Join{}));
  CHECK(check(deep).empty());
  deep.steps.insert(deep.steps.begin(), step(Repeat{1, max_depth + 1}));
  CHECK(check(deep) == "bodies nested too deep");

  Program threads;
  for (std::uint32_t i = 0; i < max_threads; ++i)
    threads.steps.push_back(step(Thread{0}));
  CHECK(check(threads) == "too many threads");
  threads.steps.pop_back();
  CHECK(check(threads).empty());

  Program slots;
  slots.descriptors = max_slots + 1;
  CHECK(check(slots) == "too many slots");

  Program steps;
  steps.steps.resize(max_steps + 1, step(Join{}));
  CHECK(check(steps) == "too many steps");

  Program call = with_argument(Value{});
  std::get<Calls>(call.steps[0].action).calls[0].arguments.resize(7);
  CHECK(check(call) == "a call has too many arguments");
  std::get<Calls>(call.steps[0].action).calls.clear();
  CHECK(check(call) == "a step has no call");
}

TEST_CASE("expectations") {
  using Kind = Expectation::Kind;
  CHECK(meets({}, -1, 14));
  CHECK(meets({Kind::success, 0, {}}, 72, 0));
  CHECK_FALSE(meets({Kind::success, 0, {}}, -1, 14));
  CHECK(meets({Kind::failure, 0, {}}, -1, 14));
  CHECK_FALSE(meets({Kind::failure, 0, {}}, 0, 0));
  CHECK(meets({Kind::failure, 0, {9, 14}}, -1, 14));
  CHECK_FALSE(meets({Kind::failure, 0, {9, 14}}, -1, 22));
  CHECK(meets({Kind::result, 72, {}}, 72, 0));
  CHECK_FALSE(meets({Kind::result, 72, {}}, 8, 0));
  CHECK_FALSE(meets({Kind::result, -1, {}}, -1, 14));
}
