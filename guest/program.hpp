// What the agent runs: a tree of steps over numbered slots for descriptors and buffers. Every name
// and symbolic constant was resolved on the host; system call numbers are those of the architecture
// that both sides were built for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace guest {

constexpr std::uint32_t program_version = 1;
constexpr std::uint32_t no_slot = 0xffffffff;
constexpr std::uint32_t max_slots = 1024; // of each kind
constexpr std::uint32_t max_steps = 65536;
constexpr unsigned max_depth = 8;         // of repeats and threads in each other
constexpr std::uint32_t max_threads = 64; // thread steps of a program, and the main one

// Without it the program cannot do what it is about; see Missing.
struct Requirement {
  enum class Kind : std::uint8_t {
    path = 0,   // text exists
    socket = 1, // a socket of family number can be made
  };
  Kind kind = Kind::path;
  std::uint32_t number = 0;
  std::string text;   // for people too: "/dev/vhost-net"
  std::string config; // "CONFIG_VHOST_NET"; "" where unknown
};

// Bytes at offset of a Data that only the guest knows.
struct Fixup {
  enum class Kind : std::uint8_t {
    descriptor = 0, // i32: the slot's descriptor, -1 when it is not open
    address = 1,    // u64: the slot's buffer + addend; addend alone when it is not mapped
  };
  Kind kind = Kind::descriptor;
  std::uint32_t offset = 0;
  std::uint32_t slot = 0;
  std::uint64_t addend = 0;
};

struct Data {
  std::string bytes;
  std::vector<Fixup> fixups;
};

// An argument of a system call.
struct Value {
  std::uint64_t number = 0;
};
struct Descriptor {
  std::uint32_t slot = 0;
};
struct Address { // of a buffer
  std::uint32_t slot = 0;
  std::uint64_t addend = 0;
};
using Argument = std::variant<Value, Descriptor, Address, Data>; // Data: the address of a copy

// One system call. Its result, if it is no failure, goes to a slot.
struct Call {
  std::uint32_t number = 0;
  std::vector<Argument> arguments; // at most 6
  // The slot that takes the result: a descriptor's, or with maps a buffer's, whose address the
  // result is and that has so many bytes. no_slot: none.
  std::uint32_t slot = no_slot;
  std::uint64_t maps = 0;
  // A descriptor's slot that is empty once its descriptor is an argument: the call closes it.
  std::uint32_t forget = no_slot;
};

// Runs its calls in order until one fails; that one's result, or the last one's, is the step's.
struct Calls {
  std::vector<Call> calls;
};

// Copies data into a buffer. EFAULT where it is not mapped or too small.
struct Store {
  std::uint32_t slot = 0;
  std::uint64_t offset = 0;
  Data data;
};

struct Sleep {
  std::uint64_t microseconds = 0;
};

// Runs the body count times.
struct Repeat {
  std::uint32_t count = 1;
  std::uint32_t body = 0; // how many of the steps that follow
};

// Runs the body in a thread of its own. Its number is its position among the program's thread
// steps, from 1; the main thread is 0.
struct Thread {
  std::uint32_t body = 0;
};

// Waits for all threads that the same thread started. The end of a program does, too.
struct Join {};

using Action = std::variant<Calls, Store, Sleep, Repeat, Thread, Join>;

struct Expectation {
  enum class Kind : std::uint8_t { any = 0, success = 1, failure = 2, result = 3 };
  Kind kind = Kind::any;
  std::int64_t result = 0;          // kind result
  std::vector<std::int32_t> errors; // kind failure: one of these; empty: any
};

// result is -1 and error the errno where the call failed.
bool meets(const Expectation& expectation, std::int64_t result, std::int32_t error);

struct ProgramStep {
  Action action;
  Expectation expectation;
};

struct Program {
  std::vector<Requirement> requirements;
  std::uint32_t descriptors = 0;  // slots
  std::uint32_t buffers = 0;      // slots
  std::vector<ProgramStep> steps; // a body follows its repeat or thread
};

std::string encode(const Program& program);

// "" for a program the agent can run, else what is wrong with it: a slot, a body or an offset out
// of range, too many of something.
std::string check(const Program& program);

// Nothing when the bytes are no program or check() has something to say.
std::optional<Program> decode_program(std::string_view bytes);

} // namespace guest
