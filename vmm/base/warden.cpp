#include "vmm/base/warden.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <fcntl.h>
#include <sstream>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "vmm/base/error.hpp"
#include "vmm/base/fd.hpp"
#include "vmm/base/files.hpp"
#include "vmm/base/processes.hpp"

namespace base {

namespace {

constexpr int kill_limit_ms = 4000;
constexpr int newborn_seconds = 60; // a session folder this young may still lack its owner file

SessionMark mark_of(const fs::path& folder) { return {folder.filename().string(), folder}; }

// Sockets and images live there: nobody else may look in or have made it for us.
void make_private_folder(const fs::path& home) {
  fs::create_directories(home.parent_path());
  if (::mkdir(home.c_str(), 0700) != 0 && errno != EEXIST)
    throw SysError(errno, "mkdir", home);
  struct stat st {};
  if (::lstat(home.c_str(), &st) != 0)
    throw SysError(errno, "lstat", home);
  if (!S_ISDIR(st.st_mode) || st.st_uid != ::geteuid())
    throw Error(fmt::format("{}: not a folder of this user (uid {}); remove it, or set "
                            "XDG_RUNTIME_DIR to a folder of your own",
                            home.string(), ::geteuid()));
  if ((st.st_mode & 077) != 0)
    throw Error(fmt::format("{}: other users can enter it; run: chmod 700 {}", home.string(),
                            home.string()));
}

std::string owner_text(pid_t pid) {
  return fmt::format("{} {}\n", pid, start_time(pid).value_or(0));
}

// Whether the krepro that made the folder is still there, or may just be making it.
bool session_alive(const fs::path& folder) {
  try {
    std::istringstream text(read_file(folder / "owner"));
    pid_t pid = 0;
    std::uint64_t started = 0;
    return text >> pid >> started && start_time(pid) == started;
  } catch (const SysError&) {
    struct stat st {};
    return ::stat(folder.c_str(), &st) == 0 && ::time(nullptr) - st.st_mtime < newborn_seconds;
  }
}

// Sessions whose krepro and warden both died without tidying up.
void sweep_dead_sessions(const fs::path& home) {
  std::error_code failed;
  fs::directory_iterator entry(home, failed);
  for (; !failed && entry != fs::directory_iterator(); entry.increment(failed)) {
    if (session_alive(entry->path()))
      continue;
    kill_marked(mark_of(entry->path()), {::getpid()}, kill_limit_ms);
    std::error_code ignored;
    fs::remove_all(entry->path(), ignored);
  }
}

// Standard streams to /dev/null, everything else but life closed, so that no pipe of krepro's
// caller stays open through the warden.
void let_go_of_files(int life) {
  const int null = ::open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; ++fd)
    ::dup2(null, fd);
  constexpr int kept = 3;
  if (life != kept)
    ::dup2(life, kept);
  ::close_range(kept + 1, ~0U, 0);
}

[[noreturn]] void guard(int life, const fs::path& folder, pid_t krepro) {
  ::setsid();
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE})
    ::signal(signal, SIG_IGN);
  ::prctl(PR_SET_NAME, "krepro-warden");
  ::prctl(PR_SET_PDEATHSIG, 0);
  if (::chdir("/") != 0)
    ::_exit(1);
  let_go_of_files(life);
  char byte;
  ssize_t n;
  do
    n = ::read(3, &byte, 1);
  while (n > 0 || (n < 0 && errno == EINTR));
  int status = 1;
  try {
    status = kill_marked(mark_of(folder), {::getpid(), krepro}, kill_limit_ms) ? 0 : 1;
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  } catch (const std::exception&) {
    status = 1; // nobody is left to tell
  }
  ::_exit(status);
}

} // namespace

Warden::Warden() {
  const fs::path home = runtime_home();
  make_private_folder(home);
  sweep_dead_sessions(home);
  TempDir session(home, "s");
  write_file(session.path() / "owner", owner_text(::getpid()));
  Pipe life = make_pipe();
  const pid_t krepro = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0)
    throw SysError(errno, "fork", "warden");
  if (pid == 0)
    guard(life.read.get(), session.path(), krepro);
  pid_ = pid;
  life_ = life.write.release();
  folder_ = session.release();
  ::setenv("KREPRO_SESSION", folder_.filename().c_str(), 1);
}

Warden::~Warden() {
  ::close(life_);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  ::unsetenv("KREPRO_SESSION");
}

} // namespace base
