// A backend without a virtual machine: its guests are scripts that say what a kernel with guest.c
// says. It shows what the suite asks for, and that the suite itself can run anywhere.
#include <array>
#include <cerrno>
#include <mutex>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "harness/backend/backend.hpp"
#include "tests/contract/contract.hpp"
#include "vmm/base/error.hpp"
#include "vmm/base/fd.hpp"
#include "vmm/base/files.hpp"

namespace contract {

namespace {

using harness::GuestOutput;
using harness::GuestState;

class FakeGuest : public harness::Guest {
 public:
  explicit FakeGuest(const harness::BootSpec& spec)
      : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), echo_(has(spec, "echo")) {
    if (!event_)
      throw base::SysError(errno, "eventfd", "");
    next_.console = "Linux version 0.0.0 (fake)\n";
    if (base::read_file(spec.initramfs).find("contract=") == std::string::npos)
      next_.console += "Kernel panic - not syncing\n---[ end Kernel panic - not syncing ]---\n";
    else
      next_.channel = "ready\n";
    if (has(spec, "off"))
      end_ = {"", "", GuestState::off, ""};
    if (has(spec, "reset")) {
      next_.console += "reboot: machine restart\n";
      end_ = {"", "", GuestState::crashed, "the guest was reset"};
    }
    wake();
  }

  using Guest::poll;
  GuestOutput poll(std::chrono::milliseconds timeout, int input) override {
    std::array<struct pollfd, 2> fds{{{event_.get(), POLLIN, 0}, {input, POLLIN, 0}}};
    if (end_.state == GuestState::running)
      ::poll(fds.data(), fds.size(), static_cast<int>(timeout.count()));
    std::uint64_t ignored = 0;
    if (::read(event_.get(), &ignored, sizeof ignored) < 0 && errno != EAGAIN)
      throw base::SysError(errno, "read", "eventfd");
    if (next_.console.empty() && next_.channel.empty())
      return end_;
    return std::exchange(next_, {});
  }

  void send(std::string_view bytes) override {
    if (!echo_)
      return;
    next_.channel += bytes;
    wake();
  }
  void type(std::string_view /*bytes*/) override {}
  void inject_nmi() override {
    next_.console += "NMI: Call Trace:\n";
    wake();
  }
  void stop() override {
    if (end_.state == GuestState::running)
      end_.state = GuestState::off;
  }

 private:
  static bool has(const harness::BootSpec& spec, const std::string& mode) {
    return spec.append.find("contract=" + mode) != std::string::npos;
  }
  void wake() const {
    const std::uint64_t one = 1;
    if (::write(event_.get(), &one, sizeof one) < 0)
      throw base::SysError(errno, "write", "eventfd");
  }

  base::Fd event_;
  bool echo_;
  GuestOutput next_;
  GuestOutput end_;
};

class FakeBackend : public harness::Backend {
 public:
  FakeBackend() {
    capabilities_.name = "fake";
    capabilities_.nmi = true;
  }
  const harness::Capabilities& capabilities() const override { return capabilities_; }
  std::unique_ptr<harness::Guest> boot(const harness::BootSpec& spec) override {
    base::read_file(spec.vmlinux);
    return std::make_unique<FakeGuest>(spec);
  }

 private:
  harness::Capabilities capabilities_;
};

} // namespace

std::unique_ptr<harness::Backend> make_contract_backend(const std::filesystem::path& /*folder*/) {
  return std::make_unique<FakeBackend>();
}

} // namespace contract
