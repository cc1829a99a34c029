#include "vmm/base/warden.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <catch2/catch.hpp>

#include "vmm/base/error.hpp"
#include "vmm/base/fd.hpp"
#include "vmm/base/files.hpp"
#include "vmm/base/processes.hpp"

namespace {

using base::fs::path;

// Points runtime_home() at a folder of this test.
class RuntimeHome {
 public:
  RuntimeHome() : dir_("/tmp", "krepro-test-") {
    ::setenv("XDG_RUNTIME_DIR", dir_.path().c_str(), 1);
  }
  RuntimeHome(const RuntimeHome&) = delete;
  RuntimeHome& operator=(const RuntimeHome&) = delete;
  ~RuntimeHome() { ::unsetenv("XDG_RUNTIME_DIR"); }
  path home() const { return dir_.path() / "krepro"; }

 private:
  base::TempDir dir_;
};

// Twice forked, in a session of its own: nothing ties it to the caller but the marks.
void detach(const std::vector<std::string>& words, bool clean_environment, int report) {
  if (::fork() == 0) {
    ::setsid();
    if (::fork() != 0)
      ::_exit(0);
    const pid_t self = ::getpid();
    if (::write(report, &self, sizeof self) != sizeof self)
      ::_exit(1);
    std::vector<char*> argv;
    for (const std::string& word : words)
      argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    char* none[] = {nullptr};
    if (clean_environment)
      ::execve(argv[0], argv.data(), none);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  ::wait(nullptr);
}

struct Krepro {
  pid_t pid = 0;
  std::vector<pid_t> strays;
};

// A process that holds a Warden and has started two strays: one marked by its environment, one by
// its command line. It ends when told to, by end of file on `stay`, or is killed.
Krepro start_krepro(const base::Pipe& report, const base::Pipe& stay) {
  Krepro krepro;
  krepro.pid = ::fork();
  if (krepro.pid == 0) {
    {
      const base::Warden warden;
      ::close(stay.write.get());
      detach({"/bin/sleep", "1000"}, false, report.write.get());
      detach({"/bin/sh", "-c", "while :; do /bin/sleep 1; done", warden.folder() / "monitor.sock"},
             true, report.write.get());
      char byte;
      if (::read(stay.read.get(), &byte, 1) != 0)
        ::_exit(1);
    }
    ::_exit(0);
  }
  for (int i = 0; i < 2; ++i) {
    pid_t stray = 0;
    REQUIRE(::read(report.read.get(), &stray, sizeof stray) == sizeof stray);
    krepro.strays.push_back(stray);
  }
  return krepro;
}

bool all_gone_within(const std::vector<pid_t>& pids, std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  for (;;) {
    bool any = false;
    for (const pid_t pid : pids)
      any = any || base::start_time(pid).has_value();
    if (!any)
      return true;
    if (std::chrono::steady_clock::now() > end)
      return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

std::size_t entries(const path& folder) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : base::fs::directory_iterator(folder))
    ++count;
  return count;
}

} // namespace

TEST_CASE("kill -9 leaves no process and no folder") {
  const RuntimeHome runtime;
  const base::Pipe report = base::make_pipe();
  const base::Pipe stay = base::make_pipe();
  const Krepro krepro = start_krepro(report, stay);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  for (const pid_t stray : krepro.strays)
    CHECK(base::start_time(stray).has_value());
  REQUIRE(entries(runtime.home()) == 1);
  ::kill(krepro.pid, SIGKILL);
  ::waitpid(krepro.pid, nullptr, 0);
  CHECK(all_gone_within(krepro.strays, std::chrono::seconds(5)));
  for (int i = 0; i < 50 && entries(runtime.home()) != 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  CHECK(entries(runtime.home()) == 0);
}

TEST_CASE("a normal end takes the strays with it before it returns") {
  const RuntimeHome runtime;
  const base::Pipe report = base::make_pipe();
  base::Pipe stay = base::make_pipe();
  const Krepro krepro = start_krepro(report, stay);
  stay.write.reset();
  int status = -1;
  ::waitpid(krepro.pid, &status, 0);
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  CHECK(all_gone_within(krepro.strays, std::chrono::milliseconds(0)));
  CHECK(entries(runtime.home()) == 0);
}

TEST_CASE("the folder of a dead session is swept, that of a living one is not") {
  const RuntimeHome runtime;
  base::fs::create_directories(runtime.home() / "dead");
  base::fs::create_directories(runtime.home() / "alive");
  base::fs::permissions(runtime.home(), base::fs::perms::owner_all);
  base::write_file(runtime.home() / "dead/owner", "1 1\n");
  const auto started = base::start_time(::getpid());
  REQUIRE(started);
  base::write_file(runtime.home() / "alive/owner",
                   std::to_string(::getpid()) + " " + std::to_string(*started) + "\n");
  {
    const base::Warden warden;
    CHECK(!base::fs::exists(runtime.home() / "dead"));
    CHECK(base::fs::exists(runtime.home() / "alive"));
    CHECK(base::fs::exists(warden.folder()));
  }
  CHECK(entries(runtime.home()) == 1);
}

TEST_CASE("a runtime folder that others can enter is refused") {
  const RuntimeHome runtime;
  base::fs::create_directories(runtime.home());
  ::chmod(runtime.home().c_str(), 0755);
  CHECK_THROWS_AS(base::Warden(), base::Error);
}

TEST_CASE("a session's folder is no mark for one whose name it begins") {
  const base::SessionMark mark{"sAB", "/run/krepro/sAB"};
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::execl("/bin/sh", "/bin/sh", "-c", "sleep 5; :", "/run/krepro/sABC/sock", nullptr);
    ::_exit(127);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  CHECK(base::marked_processes(mark, {}).empty());
  CHECK(base::marked_processes({"sABC", "/run/krepro/sABC"}, {}) == std::vector<pid_t>{pid});
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}
