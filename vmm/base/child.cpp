#include "vmm/base/child.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "vmm/base/error.hpp"
#include "vmm/base/fd.hpp"
#include "vmm/base/stop.hpp"
#include "vmm/base/text.hpp"

namespace base {

bool WaitStatus::success() const { return WIFEXITED(word_) && WEXITSTATUS(word_) == 0; }

std::optional<int> WaitStatus::exit_code() const {
  return WIFEXITED(word_) ? std::optional<int>(WEXITSTATUS(word_)) : std::nullopt;
}

std::optional<int> WaitStatus::signal() const {
  return WIFSIGNALED(word_) ? std::optional<int>(WTERMSIG(word_)) : std::nullopt;
}

std::string WaitStatus::text() const {
  if (WIFEXITED(word_))
    return fmt::format("exit code {}", WEXITSTATUS(word_));
  return fmt::format("killed by signal {}", WTERMSIG(word_));
}

namespace {

using Clock = std::chrono::steady_clock;

// What execve needs, made before fork so that the child allocates nothing.
struct Arguments {
  explicit Arguments(const Command& command) {
    for (const std::string& word : command.argv)
      argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    for (char** entry = environ; *entry != nullptr; ++entry)
      if (!overridden(command, *entry))
        envp.push_back(*entry);
    for (const auto& [name, value] : command.env)
      settings.push_back(fmt::format("{}={}", name, value));
    for (std::string& setting : settings)
      envp.push_back(setting.data());
    envp.push_back(nullptr);
  }
  static bool overridden(const Command& command, const char* entry) {
    return std::any_of(command.env.begin(), command.env.end(), [&](const auto& pair) {
      return std::strncmp(entry, pair.first.c_str(), pair.first.size()) == 0 &&
             entry[pair.first.size()] == '=';
    });
  }
  std::vector<char*> argv;
  std::vector<std::string> settings;
  std::vector<char*> envp;
};

struct Pipes {
  Pipe in = make_pipe();
  Pipe out = make_pipe();
  Pipe err = make_pipe();
  Pipe failure = make_pipe(); // carries errno of a failed exec; end of file on success
};

// Between fork and exec: only async-signal-safe calls.
[[noreturn]] void become(const Command& command, const Arguments& arguments, const Pipes& pipes,
                         pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent)
    ::_exit(127);
  struct sigaction fallback {};
  fallback.sa_handler = SIG_DFL;
  ::sigaction(SIGPIPE, &fallback, nullptr);
  ::dup2(pipes.in.read.get(), STDIN_FILENO);
  ::dup2(pipes.out.write.get(), STDOUT_FILENO);
  ::dup2(command.merge_stderr ? pipes.out.write.get() : pipes.err.write.get(), STDERR_FILENO);
  if (command.cwd.empty() || ::chdir(command.cwd.c_str()) == 0)
    ::execvpe(arguments.argv[0], arguments.argv.data(), arguments.envp.data());
  const int error = errno;
  [[maybe_unused]] const ssize_t n = ::write(pipes.failure.write.get(), &error, sizeof error);
  ::_exit(127);
}

// Throws SysError with the child's errno if exec failed.
void check_exec(const Fd& failure, pid_t pid, const Command& command) {
  int error = 0;
  ssize_t n;
  do
    n = ::read(failure.get(), &error, sizeof error);
  while (n < 0 && errno == EINTR);
  if (n != static_cast<ssize_t>(sizeof error))
    return;
  int word = 0;
  while (::waitpid(pid, &word, 0) < 0 && errno == EINTR) {
  }
  throw SysError(error, "run", command.argv[0]);
}

// The descriptors of a running child and what came through them.
class Conversation {
 public:
  Conversation(const Command& command, Pipes pipes)
      : command_(command), input_(command.input), pipes_(std::move(pipes)) {
    pipes_.in.read.reset();
    pipes_.out.write.reset();
    pipes_.err.write.reset();
    if (input_.empty())
      pipes_.in.write.reset();
    if (!command.log.empty()) {
      log_ = Fd(::open(command.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
      if (!log_)
        throw SysError(errno, "open", command.log);
    }
    for (Fd* fd : {&pipes_.in.write, &pipes_.out.read, &pipes_.err.read})
      if (*fd)
        set_nonblocking(*fd);
  }

  bool over() const { return !pipes_.out.read && !pipes_.err.read; }

  // Waits at most timeout (ms, -1: no limit) and moves bytes. Stops early on a stop signal.
  void step(int timeout) {
    std::array<struct pollfd, 4> fds{{{pipes_.out.read.get(), POLLIN, 0},
                                      {pipes_.err.read.get(), POLLIN, 0},
                                      {pipes_.in.write.get(), POLLOUT, 0},
                                      {stop_fd(), POLLIN, 0}}};
    if (::poll(fds.data(), fds.size(), timeout) <= 0)
      return;
    if (fds[0].revents != 0)
      drain(pipes_.out.read, finished_out);
    if (fds[1].revents != 0)
      drain(pipes_.err.read, finished_err);
    if (fds[2].revents != 0)
      feed();
  }

  void flush_line() {
    if (command_.on_line && !partial_.empty())
      command_.on_line(partial_);
    partial_.clear();
  }

  std::string finished_out;
  std::string finished_err;

 private:
  void drain(Fd& fd, std::string& into) {
    std::array<char, 65536> buffer;
    const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
      return;
    if (n <= 0) {
      fd.reset();
      return;
    }
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(n));
    into += bytes;
    save(bytes);
    if (command_.on_line && &into == &finished_out)
      emit(bytes);
  }

  void save(std::string_view bytes) const {
    while (log_ && !bytes.empty()) {
      const ssize_t n = ::write(log_.get(), bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        throw SysError(errno, "write", command_.log);
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }

  void emit(std::string_view bytes) {
    for (std::size_t at; (at = bytes.find('\n')) != std::string_view::npos;
         bytes.remove_prefix(at + 1)) {
      partial_ += bytes.substr(0, at);
      command_.on_line(partial_);
      partial_.clear();
    }
    partial_ += bytes;
  }

  void feed() {
    const ssize_t n = ::write(pipes_.in.write.get(), input_.data(), input_.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
      return;
    if (n > 0)
      input_.remove_prefix(static_cast<std::size_t>(n));
    if (n <= 0 || input_.empty())
      pipes_.in.write.reset();
  }

  const Command& command_;
  std::string_view input_;
  Pipes pipes_;
  Fd log_;
  std::string partial_;
};

// A started process group; killed and reaped unless wait() did so.
class Group {
 public:
  explicit Group(pid_t pid) : pid_(pid) {}
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  ~Group() {
    if (pid_ < 0)
      return;
    kill();
    wait();
  }
  void kill() const { ::kill(-pid_, SIGKILL); }
  WaitStatus wait() {
    int word = 0;
    while (::waitpid(pid_, &word, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return WaitStatus(word);
  }

 private:
  pid_t pid_;
};

int poll_timeout(const Command& command, Clock::time_point start) {
  if (command.deadline.count() == 0)
    return -1;
  const auto left = command.deadline - (Clock::now() - start);
  return static_cast<int>(
      std::max<std::int64_t>(0, std::chrono::ceil<std::chrono::milliseconds>(left).count()));
}

} // namespace

Finished run_command(const Command& command) {
  ASSERT(!command.argv.empty());
  check_stop();
  const auto start = Clock::now();
  const Arguments arguments(command);
  Pipes pipes;
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0)
    throw SysError(errno, "fork", command.argv[0]);
  if (pid == 0)
    become(command, arguments, pipes, parent);
  ::setpgid(pid, pid);
  pipes.failure.write.reset();
  check_exec(pipes.failure.read, pid, command);

  Group group(pid);
  Conversation talk(command, std::move(pipes));
  bool timed_out = false;
  while (!talk.over() && !timed_out) {
    talk.step(poll_timeout(command, start));
    check_stop();
    timed_out = command.deadline.count() != 0 && Clock::now() - start >= command.deadline;
  }
  talk.flush_line();
  if (timed_out)
    group.kill();
  Finished finished{
      group.wait(), timed_out, std::move(talk.finished_out), std::move(talk.finished_err), {}};
  finished.elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
  return finished;
}

std::string check_output(const Command& command) {
  Finished finished = run_command(command);
  if (finished.status.success() && !finished.timed_out)
    return std::move(finished.out);
  const std::string& said = finished.err.empty() ? finished.out : finished.err;
  const std::vector<std::string_view> lines = lines_of(trim(said));
  const std::string last = lines.empty() ? "no output" : std::string(lines.back());
  throw Error(fmt::format("{}: {}: {}", quote(command.argv),
                          finished.timed_out ? "deadline passed" : finished.status.text(), last));
}

std::string quote(const std::vector<std::string>& argv) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=/.,:+@%^";
  std::string text;
  for (const std::string& word : argv) {
    if (!text.empty())
      text += ' ';
    if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) {
      text += word;
      continue;
    }
    text += '\'';
    for (const char c : word) {
      if (c == '\'')
        text += "'\\''";
      else
        text += c;
    }
    text += '\'';
  }
  return text;
}

} // namespace base
