#include "guest/agent/prepare.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <linux/random.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace guest {

namespace {

// "" or why it was not loaded.
std::string load_module(const std::string& name) {
  const std::string path = "/modules/" + name + ".ko";
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return path + ": " + std::strerror(errno);
  const long result = ::syscall(SYS_finit_module, fd, "", 0);
  const int error = errno;
  ::close(fd);
  if (result == 0 || error == EEXIST)
    return "";
  if (error == ENOSYS)
    return path + ": this kernel has no modules (CONFIG_MODULES)";
  return path + ": " + std::strerror(error);
}

// "" or why it was not set.
std::string set_sysctl(const std::string& setting) {
  const std::size_t equals = setting.find('=');
  if (equals == std::string::npos || equals == 0)
    return "sysctl " + setting + ": expected name=value";
  std::string path = setting.substr(0, equals);
  if (path.front() != '/') {
    std::replace(path.begin(), path.end(), '.', '/');
    path = "/proc/sys/" + path;
  }
  if (write_to(path, setting.substr(equals + 1)))
    return "";
  return "sysctl " + setting + ": " + path + ": " + std::strerror(errno);
}

bool holds(const Requirement& requirement) {
  if (requirement.kind == Requirement::Kind::path) {
    // Not opened: an open and close of a vhost device is already part of what a program may test.
    struct stat status {};
    return ::stat(requirement.text.c_str(), &status) == 0;
  }
  const int fd = ::socket(static_cast<int>(requirement.number), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return errno != EAFNOSUPPORT;
  ::close(fd);
  return true;
}

} // namespace

void mount_all() {
  struct Mount {
    const char* target;
    const char* type;
  };
  for (const Mount& mount :
       {Mount{"/dev", "devtmpfs"}, {"/proc", "proc"}, {"/sys", "sysfs"}, {"/tmp", "tmpfs"}}) {
    ::mkdir(mount.target, 0755);
    if (::mount(mount.type, mount.target, mount.type, 0, nullptr) != 0 && errno != EBUSY)
      ::dprintf(1, "krepro agent: mount %s: %s\n", mount.target, std::strerror(errno));
  }
  // A report's lines have levels up to KERN_INFO, and "quiet" would hide them.
  write_to("/proc/sys/kernel/printk", "7");
}

void apply(const Setup& setup, Channel& channel) {
  for (const std::string& name : setup.modules) {
    const std::string problem = load_module(name);
    if (!problem.empty())
      channel.note(problem);
  }
  for (const std::string& setting : setup.sysctls) {
    const std::string problem = set_sysctl(setting);
    if (!problem.empty())
      channel.note(problem);
  }
}

void set_clock(std::uint64_t realtime_ns) {
  constexpr std::uint64_t second = 1'000'000'000;
  const timespec now{static_cast<time_t>(realtime_ns / second),
                     static_cast<long>(realtime_ns % second)};
  if (realtime_ns != 0)
    ::clock_settime(CLOCK_REALTIME, &now);
}

// random(4), "/dev/random interface"; RNDRESEEDCRNG is there from v4.17 on.
void add_entropy(const std::string& bytes) {
  const int fd = ::open("/dev/urandom", O_WRONLY | O_CLOEXEC);
  if (fd < 0)
    return;
  std::vector<int> message(2 + (bytes.size() + sizeof(int) - 1) / sizeof(int)); // rand_pool_info
  message[0] = static_cast<int>(bytes.size() * 8);
  message[1] = static_cast<int>(bytes.size());
  std::memcpy(message.data() + 2, bytes.data(), bytes.size());
  ::ioctl(fd, RNDADDENTROPY, message.data());
  ::ioctl(fd, RNDRESEEDCRNG);
  ::close(fd);
}

std::optional<Missing> first_missing(const std::vector<Requirement>& requirements) {
  for (const Requirement& requirement : requirements)
    if (!holds(requirement))
      return Missing{requirement.text, requirement.config};
  return std::nullopt;
}

std::uint64_t uptime_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000 +
         static_cast<std::uint64_t>(now.tv_nsec) / 1'000'000;
}

bool write_to(const std::string& path, const std::string& text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0)
    return false;
  const ssize_t written = ::write(fd, text.data(), text.size());
  const int error = errno;
  ::close(fd);
  errno = error;
  return written == static_cast<ssize_t>(text.size());
}

} // namespace guest
