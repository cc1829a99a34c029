#include "harness/backend/libvirt_guest.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <poll.h>
#include <sys/wait.h>
#include <utility>

#include <fmt/format.h>

#include "harness/backend/adoption.hpp"
#include "harness/backend/libvirt_api.hpp"
#include "harness/backend/qemu_monitor.hpp"
#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"
#include "vmm/base/log.hpp"
#include "vmm/base/processes.hpp"
#include "vmm/base/stop.hpp"
#include "vmm/base/text.hpp"

namespace harness {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds last_bytes{20};     // for bytes that QEMU still holds when the guest ends
constexpr milliseconds stop_notice{5'000}; // from end of file to libvirt's word about it

virDomainPtr start_paused(const Connection& connection, const DomainPlan& plan) {
  const std::string xml = domain_xml(plan);
  const Adoption adoption;
  virDomainPtr domain =
      libvirt().virDomainCreateXML(connection.get(), xml.c_str(), VIR_DOMAIN_START_PAUSED);
  if (domain == nullptr)
    throw base::Error(
        fmt::format("libvirt: guest {} does not start: {}", plan.name, libvirt_error()));
  return domain;
}

// Ends QEMU and reaps it where it is our child (see Adoption). libvirt alone looks every 200
// ms whether it has gone, and takes a zombie for alive.
void end_process(const QemuProcess& machine) {
  if (machine.pid <= 0)
    return;
  if (base::start_time(machine.pid) == machine.started)
    ::kill(machine.pid, SIGKILL);
  while (::waitpid(machine.pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

} // namespace

LibvirtGuest::LibvirtGuest(std::shared_ptr<Connection> connection, const DomainPlan& plan,
                           std::filesystem::path log)
    : connection_(std::move(connection)), log_(std::move(log)), console_(plan.console),
      channel_(plan.channel), domain_(start_paused(*connection_, plan)),
      ranges_(pc_memory(plan.memory)) {
  try {
    console_.accept();
    channel_.accept();
    machine_ = {console_.peer(), base::start_time(console_.peer()).value_or(0)};
    if (machine_.pid > 0)
      memory_ = MemoryFile::of_qemu(machine_.pid, ranges_); // not that of another user
    subscription_ = std::make_unique<DomainSubscription>(connection_, domain_.get(), events_);
    if (libvirt().virDomainResume(domain_.get()) != 0)
      throw base::Error(
          fmt::format("libvirt: guest {} does not start: {}", plan.name, libvirt_error()));
  } catch (const base::Error&) {
    libvirt().virDomainDestroy(domain_.get());
    throw;
  }
}

LibvirtGuest::~LibvirtGuest() {
  try {
    stop();
  } catch (const base::Error& error) {
    base::log("backend", base::LogLevel::warn, "{}", error.what());
  }
  std::error_code ignored;
  if (!log_.empty())
    std::filesystem::remove(log_, ignored);
}

void LibvirtGuest::wait(milliseconds timeout, int input) {
  const auto events_of = [](const SerialPort& port) {
    return static_cast<short>(port.has_pending() ? POLLIN | POLLOUT : POLLIN);
  };
  console_.flush();
  channel_.flush();
  // The event descriptor stays readable: once something happened nothing waits for it again.
  const int events = ending() ? -1 : events_->fd();
  std::array<struct pollfd, 5> fds{{{console_.fd(), events_of(console_), 0},
                                    {channel_.fd(), events_of(channel_), 0},
                                    {events, POLLIN, 0},
                                    {base::stop_fd(), POLLIN, 0},
                                    {input, POLLIN, 0}}};
  ::poll(fds.data(), fds.size(), static_cast<int>(timeout.count()));
  console_.flush();
  channel_.flush();
}

void LibvirtGuest::read_ports(GuestOutput& output) {
  output.console += console_.read();
  output.channel += channel_.read();
}

bool LibvirtGuest::ending() const {
  const DomainEvents::News news = events_->news();
  return news.stopped || !news.shutdown.empty() || (!console_.open() && !channel_.open());
}

GuestOutput LibvirtGuest::poll(milliseconds timeout, int input) {
  GuestOutput output;
  if (!ended_ && !ending())
    wait(timeout, input);
  read_ports(output);
  if (!ending() || !output.console.empty() || !output.channel.empty())
    return output;
  if (console_.open() || channel_.open()) {
    wait(last_bytes, -1);
    read_ports(output);
    if (!output.console.empty() || !output.channel.empty())
      return output;
  }
  judge_end(output);
  return output;
}

void LibvirtGuest::judge_end(GuestOutput& output) {
  ended_ = true;
  struct pollfd notice {
    events_->fd(), POLLIN, 0
  };
  ::poll(&notice, 1, static_cast<int>(stop_notice.count()));
  const DomainEvents::News news = events_->news();
  base::log("backend", base::LogLevel::debug, "end: shutdown '{}', stopped {}, detail {}",
            news.shutdown, news.stopped, news.detail);
  if (destroyed_ || news.shutdown == "guest-shutdown") {
    output.state = GuestState::off;
    return;
  }
  if (news.shutdown == "guest-reset" || news.shutdown == "guest-panic") {
    output.state = GuestState::crashed;
    output.reason = "the guest was reset: a triple fault, or it asked for it";
    return;
  }
  throw base::Error("QEMU ended while its guest ran: " + last_words());
}

void LibvirtGuest::send(std::string_view bytes) {
  channel_.queue(bytes);
  channel_.flush();
}

void LibvirtGuest::type(std::string_view bytes) {
  console_.queue(bytes);
  console_.flush();
}

void LibvirtGuest::inject_nmi() {
  if (libvirt().virDomainInjectNMI(domain_.get(), 0) != 0)
    throw base::Error("libvirt: no NMI: " + libvirt_error());
}

void LibvirtGuest::pause() {
  if (paused_ || ending())
    return;
  if (libvirt().virDomainSuspend(domain_.get()) == 0)
    paused_ = true;
  else if (!ending())
    throw base::Error("libvirt: the guest cannot be held: " + libvirt_error());
}

void LibvirtGuest::resume() {
  if (!paused_)
    return;
  paused_ = false;
  if (libvirt().virDomainResume(domain_.get()) != 0 && !ending())
    throw base::Error("libvirt: the guest does not go on: " + libvirt_error());
}

std::string LibvirtGuest::ask_monitor(const std::string& command) {
  char* answer = nullptr;
  const int failed = libvirt().virDomainQemuMonitorCommand(domain_.get(), command.c_str(), &answer,
                                                           VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP);
  const std::unique_ptr<char, decltype(&std::free)> text(answer, &std::free);
  if (failed != 0 || !text)
    throw base::Error(fmt::format("libvirt: QEMU's monitor: {}: {}", command, libvirt_error()));
  return text.get();
}

// While QEMU translates a guest's code, a vCPU's registers are only in their places when it stands.
std::vector<CpuRegisters> LibvirtGuest::registers() {
  const bool running = !paused_;
  pause();
  std::vector<CpuRegisters> all;
  try {
    all = parse_registers(ask_monitor("info registers -a"));
  } catch (const base::Error&) {
    if (running)
      resume();
    throw;
  }
  if (running)
    resume();
  return all;
}

// Some 2 ms a call: libvirt has QEMU write a file.
bool LibvirtGuest::peek_memory(std::uint64_t address, std::span<std::uint8_t> to) {
  constexpr std::size_t most = 1u << 20; // a daemon's limit is 4 MiB
  const bool inside = std::any_of(ranges_.begin(), ranges_.end(), [&](const MemoryRange& range) {
    return address >= range.guest && address - range.guest < range.size &&
           to.size() <= range.size - (address - range.guest);
  });
  if (!inside && !to.empty())
    return false;
  while (!to.empty()) {
    const std::size_t part = std::min(most, to.size());
    if (libvirt().virDomainMemoryPeek(domain_.get(), address, part, to.data(),
                                      VIR_MEMORY_PHYSICAL) != 0)
      throw base::Error("libvirt: no memory: " + libvirt_error());
    address += part;
    to = to.subspan(part);
  }
  return true;
}

bool LibvirtGuest::read_memory(std::uint64_t address, std::span<std::uint8_t> to) {
  return memory_ ? memory_->read(address, to) : peek_memory(address, to);
}

void LibvirtGuest::stop() {
  if (destroyed_)
    return;
  destroyed_ = true;
  end_process(machine_);
  if (libvirt().virDomainDestroy(domain_.get()) == 0)
    return;
  // A guest that ended by itself is no domain any more.
  virErrorPtr error = libvirt().virGetLastError();
  if (error == nullptr ||
      (error->code != VIR_ERR_NO_DOMAIN && error->code != VIR_ERR_OPERATION_INVALID))
    throw base::Error("libvirt: the guest cannot be ended: " + libvirt_error());
}

// The last line that QEMU itself wrote.
std::string LibvirtGuest::last_words() const {
  std::string found = "without a word";
  if (log_.empty())
    return found;
  try {
    const std::string text = base::read_file(log_);
    for (const std::string_view line : base::lines_of(text))
      if (line.find("shutting down, reason") == std::string_view::npos && !base::trim(line).empty())
        found = base::printable(line);
  } catch (const base::SysError& error) {
    found = error.what();
  }
  return found;
}

} // namespace harness
