#include "guest/agent/supervisor.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <new>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/agent/prepare.hpp"

namespace guest {

namespace {

constexpr int beat_ms = 500;
// Each byte on the port costs the host an exit: the reports of quick steps go together.
constexpr int gather_ms = 50;

void* heartbeat_main(void* argument) {
  auto& channel = *static_cast<Channel*>(argument);
  for (;;) {
    channel.send(encode_heartbeat(uptime_ms()));
    const timespec pause{0, beat_ms * 1'000'000L};
    ::nanosleep(&pause, nullptr);
  }
}

[[noreturn]] void power_off() {
  // No sync: nothing of this guest is on a disk, and a sync could wait for what hangs.
  ::reboot(RB_POWER_OFF);
  for (;;)
    ::pause();
}

std::string text_of(int status) {
  if (WIFSIGNALED(status))
    return "killed by signal " + std::to_string(WTERMSIG(status));
  return "exit code " + std::to_string(WEXITSTATUS(status));
}

} // namespace

void Supervisor::run() {
  for (;;) {
    if (!setup_ && uptime_ms() >= next_hello_ms_)
      say_hello();
    pollfd fds[] = {{channel_.fd(), POLLIN, 0}, {reports_, POLLIN, 0}};
    ::poll(fds, 2, poll_timeout_ms());
    if (fds[0].revents != 0)
      channel_.read_some();
    while (const std::optional<Frame> frame = channel_.next())
      handle(*frame);
    if (fds[1].revents != 0)
      take_reports();
    reap();
    if (forward_ms_ != 0 && uptime_ms() >= forward_ms_)
      forward_reports();
    check_deadline();
  }
}

void Supervisor::say_hello() {
  next_hello_ms_ = uptime_ms() + beat_ms;
  utsname name{};
  ::uname(&name);
  const long cpus = ::sysconf(_SC_NPROCESSORS_ONLN);
  channel_.send(
      encode(Hello{wire_version, static_cast<std::uint32_t>(cpus), uptime_ms(), name.release}));
}

int Supervisor::poll_timeout_ms() const {
  // The child closed its end: it exits, and only waitpid tells when that is over.
  if (child_ > 0 && reports_ < 0)
    return 10;
  if (forward_ms_ != 0)
    return gather_ms;
  if (child_ > 0)
    return 100;
  return beat_ms;
}

void Supervisor::handle(const Frame& frame) {
  switch (frame.type) {
  case FrameType::setup:
    set_up(frame.payload);
    break;
  case FrameType::program:
    if (!taken_)
      pending_ = frame.payload;
    break;
  case FrameType::wake:
    if (held_)
      wake(frame.payload);
    break;
  case FrameType::dump:
    dump();
    break;
  case FrameType::power_off:
    power_off();
  default:
    break;
  }
  if (setup_ && pending_)
    arm();
}

void Supervisor::set_up(const std::string& payload) {
  if (setup_)
    return;
  setup_ = decode_setup(payload);
  if (!setup_) {
    channel_.note("the setup frame cannot be decoded; using none");
    setup_.emplace();
  }
  apply(*setup_, channel_);
  channel_.send(encode(Frame{FrameType::ready, ""}));
  pthread_t thread{};
  if (const int error = ::pthread_create(&thread, nullptr, heartbeat_main, &channel_))
    channel_.note(std::string("no heartbeat: pthread_create: ") + std::strerror(error));
}

void Supervisor::arm() {
  taken_ = true;
  program_ = decode_program(*pending_);
  pending_.reset();
  if (!program_) {
    channel_.send(encode(Done{false, 0, "the program cannot be decoded"}));
    return;
  }
  if (const std::optional<Missing> missing = first_missing(program_->requirements)) {
    channel_.send(encode(*missing));
    return;
  }
  held_ = setup_->hold;
  if (held_)
    channel_.send(encode(Frame{FrameType::armed, ""}));
  else
    start_program();
}

// Between armed and this a snapshot may have been taken: all that start from it would have the same
// random numbers, and its time.
void Supervisor::wake(const std::string& payload) {
  held_ = false;
  if (const std::optional<Wake> wake = decode_wake(payload)) {
    // First: the kernel has something to say of the seed. From any other level than 0 a kernel that
    // finds a bug raises it to the highest: console_verbose().
    write_to("/proc/sys/kernel/printk", wake->quiet ? "0" : "7");
    set_clock(wake->realtime_ns);
    add_entropy(wake->seed);
  }
  channel_.send(encode_awake(realtime_ns()));
  start_program();
}

void Supervisor::start_program() {
  void* shared =
      ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int ends[2] = {-1, -1};
  if (shared == MAP_FAILED || ::pipe2(ends, O_CLOEXEC) != 0) {
    channel_.send(encode(Done{false, 0, std::string("cannot start: ") + std::strerror(errno)}));
    return;
  }
  board_ = new (shared) Board;
  channel_.send(encode(Frame{FrameType::started, ""}));
  child_ = ::fork();
  if (child_ == 0)
    be_program(ends[1]);
  const int error = errno;
  ::close(ends[1]);
  reports_ = ends[0];
  if (child_ < 0)
    channel_.send(
        encode(Done{false, 0, std::string("cannot start: fork: ") + std::strerror(error)}));
  else if (setup_->deadline_ms != 0)
    deadline_ms_ = uptime_ms() + setup_->deadline_ms;
}

void Supervisor::be_program(int reports) {
  ::close(channel_.fd());
  ::prctl(PR_SET_NAME, "krepro");
  ::setpriority(PRIO_PROCESS, 0, 0);
  ::signal(SIGPIPE, SIG_IGN);
  run_program(*program_, reports, *board_);
  ::_exit(0);
}

void Supervisor::take_reports() {
  char bytes[4096];
  const ssize_t count = ::read(reports_, bytes, sizeof bytes);
  if (count > 0) {
    decoder_.feed({bytes, static_cast<std::size_t>(count)});
    while (const std::optional<Frame> frame = decoder_.next())
      collect(*frame);
    return;
  }
  if (count < 0 && errno == EINTR)
    return;
  ::close(reports_);
  reports_ = -1;
}

void Supervisor::collect(const Frame& report) {
  if (forward_ms_ == 0)
    forward_ms_ = uptime_ms() + gather_ms;
  if (const auto begin = decode_begin(report.payload); begin && report.type == FrameType::begin)
    begun_.push_back(*begin);
  if (report.type != FrameType::steps)
    return;
  for (const Step& step : decode_steps(report.payload).value_or(std::vector<Step>{})) {
    ended_.push_back(step);
    std::erase_if(begun_, [&](const Begin& begin) { return begin.thread == step.thread; });
  }
  if (ended_.size() >= steps_in_frame / 2)
    forward_reports();
}

void Supervisor::forward_reports() {
  if (!ended_.empty())
    channel_.send(encode(ended_));
  for (const Begin& begin : begun_)
    channel_.send(encode(begin));
  ended_.clear();
  begun_.clear();
  forward_ms_ = 0;
}

void Supervisor::reap() {
  int status = 0;
  for (;;) {
    const pid_t pid = ::waitpid(-1, &status, WNOHANG);
    if (pid <= 0)
      return;
    if (pid == child_)
      program_ended(status);
  }
}

void Supervisor::program_ended(int status) {
  child_ = -1;
  deadline_ms_ = 0;
  while (reports_ >= 0)
    take_reports();
  forward_reports();
  const bool finished = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  channel_.send(encode(Done{finished, board_->unexpected, finished ? "" : text_of(status)}));
}

void Supervisor::check_deadline() {
  if (deadline_ms_ == 0 || uptime_ms() < deadline_ms_)
    return;
  deadline_ms_ = 0;
  dump();
}

void Supervisor::dump() {
  forward_reports();
  if (board_)
    for (std::uint32_t thread = 0; thread < max_threads; ++thread)
      if (const std::uint32_t step = board_->step[thread])
        channel_.send(encode(Begin{step - 1, thread}));
  write_to("/proc/sys/kernel/sysrq", "1");
  for (const char* key : {"w", "d", "l", "t"})
    write_to("/proc/sysrq-trigger", key);
  channel_.send(encode(Frame{FrameType::dumped, ""}));
}

} // namespace guest
