#include "vmm/output.hpp"

#include <atomic>
#include <chrono>
#include <poll.h>
#include <thread>

#include <catch2/catch.hpp>

namespace {

using vmm::Output;
using vmm::Port;

bool readable(const Output& output) {
  struct pollfd poll {
    output.fd(), POLLIN, 0
  };
  return ::poll(&poll, 1, 0) == 1;
}

void fill(Output& output) {
  for (std::size_t i = 0; i < Output::limit; ++i)
    output.put(Port::channel, 'x');
}

// A vCPU that has sent and waits for room.
class Waiter {
 public:
  explicit Waiter(Output& output)
      : thread_([this, &output] {
          output.wait_for_room();
          done_ = true;
        }) {}
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter() { thread_.join(); }
  bool done() const { return done_; }
  // Within 10 s.
  bool comes_back() const {
    for (int i = 0; i < 1000 && !done_; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return done_;
  }

 private:
  std::atomic<bool> done_{false};
  std::thread thread_;
};

} // namespace

TEST_CASE("output comes by port, in order, once") {
  Output output;
  CHECK(!readable(output));
  for (const char c : {'a', 'b', 'c'})
    output.put(Port::console, c);
  output.put(Port::channel, '1');
  CHECK(readable(output));
  const auto taken = output.take();
  CHECK(taken[0] == "abc");
  CHECK(taken[1] == "1");
  CHECK(!readable(output));
  CHECK(output.take()[0].empty());
  output.put(Port::console, 'd');
  CHECK(readable(output));
  CHECK(output.take()[0] == "d");
}

TEST_CASE("who waits is woken without output too") {
  Output output;
  output.wake();
  output.wake();
  CHECK(readable(output));
  CHECK(output.take()[0].empty());
  CHECK(!readable(output));
}

TEST_CASE("there is room up to the limit") {
  Output output;
  for (std::size_t i = 0; i + 1 < Output::limit; ++i)
    output.put(Port::console, 'x');
  output.wait_for_room();
  CHECK(output.take()[0].size() == Output::limit - 1);
}

TEST_CASE("a sender without room goes on when its output is taken") {
  Output output;
  fill(output);
  const Waiter waiter(output);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK(!waiter.done());
  CHECK(output.take()[1].size() == Output::limit);
  CHECK(waiter.comes_back());
}

TEST_CASE("a sender without room goes on when nobody reads any more") {
  Output output;
  fill(output);
  const Waiter waiter(output);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK(!waiter.done());
  output.close();
  CHECK(waiter.comes_back());
  output.wait_for_room();
  CHECK(output.take()[1].size() == Output::limit);
}
