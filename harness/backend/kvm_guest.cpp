#include "harness/backend/kvm_guest.hpp"

#include <array>
#include <poll.h>

#include "vmm/base/error.hpp"
#include "vmm/base/stop.hpp"

namespace harness {

namespace {

GuestState state_of(const vmm::MachineNews& news) {
  switch (news.state) {
  case vmm::MachineState::running:
    return GuestState::running;
  case vmm::MachineState::off:
    return GuestState::off;
  case vmm::MachineState::reset:
    return GuestState::crashed;
  case vmm::MachineState::failed:
    break;
  }
  throw base::Error("KVM: " + news.reason);
}

} // namespace

KvmGuest::KvmGuest(const vmm::MachineSpec& spec) : machine_(spec) { machine_.start(); }

void KvmGuest::wait(std::chrono::milliseconds timeout, int input) const {
  std::array<struct pollfd, 3> fds{
      {{machine_.event_fd(), POLLIN, 0}, {base::stop_fd(), POLLIN, 0}, {input, POLLIN, 0}}};
  ::poll(fds.data(), fds.size(), static_cast<int>(timeout.count()));
}

GuestOutput KvmGuest::poll(std::chrono::milliseconds timeout, int input) {
  vmm::MachineNews news = machine_.take();
  const auto silent = [&news] { return news.output[0].empty() && news.output[1].empty(); };
  if (silent() && news.state == vmm::MachineState::running) {
    wait(timeout, input);
    news = machine_.take();
  }
  GuestOutput output;
  if (silent()) {
    output.state = state_of(news);
    output.reason =
        output.state == GuestState::crashed ? "the guest was reset: " + news.reason : "";
  }
  output.console = std::move(news.output[static_cast<std::size_t>(vmm::Port::console)]);
  output.channel = std::move(news.output[static_cast<std::size_t>(vmm::Port::channel)]);
  return output;
}

} // namespace harness
