#include "guest/agent/runner.hpp"

#include <bit>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <memory>
#include <pthread.h>
#include <unistd.h>

#include "guest/wire.hpp"

namespace guest {

namespace {

struct Buffer {
  std::atomic<std::uint64_t> address{0}; // 0: not mapped
  std::atomic<std::uint64_t> size{0};
};

struct Result {
  std::int64_t value = 0; // -1 on failure
  std::int32_t error = 0;
};

// What was last reported of a step.
struct Reported {
  std::atomic<bool> begun{false};
  std::atomic<bool> ended{false};
  std::atomic<std::int64_t> value{0};
  std::atomic<std::int32_t> error{0};
};

class Runner {
 public:
  Runner(const Program& program, int reports, Board& board)
      : program_(program), reports_(reports), board_(board),
        descriptors_(new std::atomic<int>[program.descriptors]),
        buffers_(new Buffer[program.buffers]), reported_(new Reported[program.steps.size()]) {
    for (std::uint32_t i = 0; i < program.descriptors; ++i)
      descriptors_[i] = -1;
  }

  // Steps first to last (excluded) as one thread; waits for the threads it started.
  void run(std::uint32_t first, std::uint32_t last, std::uint32_t thread) {
    std::vector<pthread_t> threads;
    body(first, last, thread, threads);
    join(threads);
    board_.step[thread] = 0;
  }

 private:
  struct Start {
    Runner* runner;
    std::uint32_t first, last, thread;
  };

  static void* thread_main(void* argument) {
    const std::unique_ptr<Start> start(static_cast<Start*>(argument));
    start->runner->run(start->first, start->last, start->thread);
    return nullptr;
  }

  static void join(std::vector<pthread_t>& threads) {
    for (const pthread_t thread : threads)
      ::pthread_join(thread, nullptr);
    threads.clear();
  }

  void body(std::uint32_t first, std::uint32_t last, std::uint32_t thread,
            std::vector<pthread_t>& threads) {
    for (std::uint32_t i = first; i < last; ++i) {
      const Action& action = program_.steps[i].action;
      if (const auto* repeat = std::get_if<Repeat>(&action)) {
        for (std::uint32_t pass = 0; pass < repeat->count; ++pass)
          body(i + 1, i + 1 + repeat->body, thread, threads);
        i += repeat->body;
        continue;
      }
      step(i, thread, threads);
      if (const auto* started = std::get_if<Thread>(&action))
        i += started->body;
    }
  }

  void step(std::uint32_t index, std::uint32_t thread, std::vector<pthread_t>& threads) {
    board_.step[thread] = index + 1;
    if (!reported_[index].begun.exchange(true))
      send(encode(Begin{index, thread}));
    const ProgramStep& planned = program_.steps[index];
    Result result;
    if (const auto* calls = std::get_if<Calls>(&planned.action))
      result = run_calls(*calls);
    else if (const auto* store = std::get_if<Store>(&planned.action))
      result = run_store(*store);
    else if (const auto* sleep = std::get_if<Sleep>(&planned.action))
      run_sleep(*sleep);
    else if (std::holds_alternative<Join>(planned.action))
      join(threads);
    else
      result = start_thread(index, threads);
    board_.step[thread] = 0;
    report(index, thread, result);
  }

  void report(std::uint32_t index, std::uint32_t thread, const Result& result) {
    const bool expected = meets(program_.steps[index].expectation, result.value, result.error);
    if (!expected)
      ++board_.unexpected;
    Reported& last = reported_[index];
    const bool again = last.ended.exchange(true);
    const bool same_value = last.value.exchange(result.value) == result.value;
    const bool same_error = last.error.exchange(result.error) == result.error;
    // A descriptor's number, a length: in a repeat they may differ each time and say nothing.
    const bool both_succeed = same_error && result.error == 0;
    if (again && (both_succeed || (same_value && same_error)))
      return;
    send(encode(std::vector<Step>{{index, thread, result.value, result.error, expected}}));
  }

  // Whole frames: a pipe takes up to PIPE_BUF bytes in one piece, whichever thread writes.
  void send(const std::string& frame) const {
    while (::write(reports_, frame.data(), frame.size()) < 0 && errno == EINTR) {
    }
  }

  Result run_calls(const Calls& calls) {
    Result result;
    for (const Call& call : calls.calls) {
      result = run_call(call);
      if (result.error != 0)
        break;
      if (call.slot == no_slot)
        continue;
      if (call.maps == 0) {
        descriptors_[call.slot] = static_cast<int>(result.value);
        continue;
      }
      buffers_[call.slot].size = call.maps;
      buffers_[call.slot].address = static_cast<std::uint64_t>(result.value);
      result.value = 0;
    }
    return result;
  }

  Result run_call(const Call& call) {
    std::array<std::uint64_t, 6> values{};
    std::array<std::string, 6> copies;
    const int closing = call.forget == no_slot ? -1 : descriptors_[call.forget].exchange(-1);
    for (std::size_t i = 0; i < call.arguments.size(); ++i) {
      const Argument& argument = call.arguments[i];
      if (const auto* value = std::get_if<Value>(&argument)) {
        values[i] = value->number;
      } else if (const auto* descriptor = std::get_if<Descriptor>(&argument)) {
        const int fd =
            descriptor->slot == call.forget ? closing : descriptors_[descriptor->slot].load();
        values[i] = static_cast<std::uint64_t>(static_cast<std::int64_t>(fd));
      } else if (const auto* address = std::get_if<Address>(&argument)) {
        values[i] = buffers_[address->slot].address + address->addend;
      } else {
        copies[i] = resolve(std::get<Data>(argument));
        values[i] = reinterpret_cast<std::uint64_t>(copies[i].data());
      }
    }
    const long result = ::syscall(static_cast<long>(call.number), values[0], values[1], values[2],
                                  values[3], values[4], values[5]);
    return {result, result == -1 ? errno : 0};
  }

  std::string resolve(const Data& data) const {
    std::string bytes = data.bytes;
    for (const Fixup& fixup : data.fixups) {
      if (fixup.kind == Fixup::Kind::descriptor) {
        const std::int32_t fd = descriptors_[fixup.slot];
        std::memcpy(bytes.data() + fixup.offset, &fd, sizeof fd);
      } else {
        const std::uint64_t address = buffers_[fixup.slot].address + fixup.addend;
        std::memcpy(bytes.data() + fixup.offset, &address, sizeof address);
      }
    }
    return bytes;
  }

  Result run_store(const Store& store) const {
    const Buffer& buffer = buffers_[store.slot];
    const std::string bytes = resolve(store.data);
    const std::uint64_t size = buffer.size;
    if (buffer.address == 0 || store.offset > size || bytes.size() > size - store.offset)
      return {-1, EFAULT};
    std::memcpy(std::bit_cast<char*>(buffer.address.load()) + store.offset, bytes.data(),
                bytes.size());
    return {static_cast<std::int64_t>(bytes.size()), 0};
  }

  static void run_sleep(const Sleep& sleep) {
    timespec rest{static_cast<time_t>(sleep.microseconds / 1'000'000),
                  static_cast<long>(sleep.microseconds % 1'000'000 * 1000)};
    while (::nanosleep(&rest, &rest) != 0 && errno == EINTR) {
    }
  }

  Result start_thread(std::uint32_t index, std::vector<pthread_t>& threads) {
    const std::uint32_t size = std::get<Thread>(program_.steps[index].action).body;
    auto start =
        std::make_unique<Start>(Start{this, index + 1, index + 1 + size, thread_number(index)});
    pthread_t thread{};
    const int error = ::pthread_create(&thread, nullptr, thread_main, start.get());
    if (error != 0)
      return {-1, error};
    static_cast<void>(start.release());
    threads.push_back(thread);
    return {};
  }

  std::uint32_t thread_number(std::uint32_t index) const {
    std::uint32_t number = 0;
    for (std::uint32_t i = 0; i <= index; ++i)
      number += std::holds_alternative<Thread>(program_.steps[i].action) ? 1 : 0;
    return number;
  }

  const Program& program_;
  int reports_;
  Board& board_;
  std::unique_ptr<std::atomic<int>[]> descriptors_; // -1: not open
  std::unique_ptr<Buffer[]> buffers_;
  std::unique_ptr<Reported[]> reported_;
};

} // namespace

void run_program(const Program& program, int reports, Board& board) {
  Runner(program, reports, board).run(0, static_cast<std::uint32_t>(program.steps.size()), 0);
}

} // namespace guest
