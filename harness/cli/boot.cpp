#include <array>
#include <cerrno>
#include <cstdio>
#include <poll.h>
#include <unistd.h>

#include <fmt/format.h>

#include "harness/backend/backend.hpp"
#include "harness/backend/initramfs.hpp"
#include "harness/cli/commands.hpp"
#include "harness/cli/session.hpp"
#include "harness/cli/terminal.hpp"
#include "harness/job/runner.hpp"
#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"
#include "vmm/base/stop.hpp"

namespace harness::cli {

namespace {

namespace fs = std::filesystem;

// PID 1 of a guest without --initrd: a shell on the console; its end powers off.
constexpr const char* shell_init = R"(#!/bin/busybox sh
/bin/busybox mkdir -p /dev /proc /sys /tmp /sbin
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox --install -s /bin
export PATH=/bin HOME=/ PS1='# '
/bin/busybox setsid /bin/busybox cttyhack /bin/busybox sh
/bin/busybox poweroff -f
)";

fs::path shell_initramfs(const fs::path& folder) {
  for (const char* candidate : {"/bin/busybox", "/usr/bin/busybox"})
    if (fs::exists(candidate)) {
      const fs::path made = folder / "initramfs.cpio";
      base::write_file(made, make_initramfs(shell_init, {{candidate, "/bin/busybox"}}));
      return made;
    }
  throw base::UsageError("no initramfs: give --initrd FILE, or install busybox-static for a shell");
}

void show(const std::string& console) {
  std::fwrite(console.data(), 1, console.size(), stdout);
  std::fflush(stdout);
}

// What was typed; nothing at the end of standard input, which `open` tells from then on.
std::string read_keys(bool& open) {
  std::array<char, 4096> buffer;
  const ssize_t n = ::read(STDIN_FILENO, buffer.data(), buffer.size());
  if (n <= 0)
    open = n < 0 && (errno == EINTR || errno == EAGAIN);
  return {buffer.data(), n > 0 ? static_cast<std::size_t>(n) : 0};
}

bool readable(int fd) {
  struct pollfd wait {
    fd, POLLIN, 0
  };
  return ::poll(&wait, 1, 0) == 1;
}

// Until the guest ends or the user quits. Returns the last state.
GuestOutput attend(Guest& guest) {
  Keys keys;
  bool open = true;
  for (;;) {
    GuestOutput output = guest.poll(std::chrono::seconds(1), open ? STDIN_FILENO : -1);
    base::check_stop();
    show(output.console);
    if (output.state != GuestState::running)
      return output;
    if (!open || !readable(STDIN_FILENO))
      continue;
    const Keys::Typed typed = keys.feed(read_keys(open));
    guest.type(typed.bytes);
    if (typed.nmi)
      guest.inject_nmi();
    if (typed.quit)
      return {"", "", GuestState::off, ""};
  }
}

} // namespace

int boot(const BootOptions& options) {
  const base::Warden warden;
  const Image image = image_of_file(options.kernel);
  BootSpec spec;
  spec.name = "boot";
  spec.vmlinux = image.vmlinux;
  spec.bzimage = image.bzimage;
  spec.initramfs =
      options.initrd.empty() ? shell_initramfs(warden.folder()) : fs::path(options.initrd);
  spec.append = options.append;
  spec.cpus = options.cpus;
  spec.memory = options.memory;
  const std::unique_ptr<Backend> backend =
      make_backend(options.backend, warden.folder(), backend_cache());
  const std::unique_ptr<Guest> guest = backend->boot(spec);
  GuestOutput last;
  {
    const RawTerminal terminal;
    if (terminal.active())
      fmt::print(stderr, "{}: ^A x ends the guest, ^A n sends an NMI\r\n",
                 backend->capabilities().name);
    last = attend(*guest);
  }
  if (last.state == GuestState::off)
    return exit_good;
  fmt::print(stderr, "{}\n", last.reason);
  return exit_bad;
}

} // namespace harness::cli
