#include "vmm/base/processes.hpp"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <csignal>
#include <string_view>
#include <thread>

#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"
#include "vmm/base/text.hpp"

namespace base {

namespace {

// A file below /proc; empty where the process has gone or is not ours.
std::string read_proc(pid_t pid, const char* name) {
  try {
    return read_file(fs::path("/proc") / std::to_string(pid) / name);
  } catch (const SysError&) {
    return {};
  }
}

bool owned_by_us(pid_t pid) {
  struct stat st {};
  const std::string path = "/proc/" + std::to_string(pid);
  return ::stat(path.c_str(), &st) == 0 && st.st_uid == ::geteuid();
}

bool has_entry(std::string_view list, std::string_view wanted) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find('\0'), list.size());
    if (list.substr(0, end) == wanted)
      return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

// The path ends where it is found: "/run/krepro/ab" is not in "/run/krepro/abc".
bool has_path(std::string_view text, std::string_view path) {
  for (std::size_t at = text.find(path); at != std::string_view::npos;
       at = text.find(path, at + 1)) {
    const std::size_t after = at + path.size();
    if (after == text.size() || std::isalnum(static_cast<unsigned char>(text[after])) == 0)
      return true;
  }
  return false;
}

bool marked(pid_t pid, const SessionMark& mark) {
  return has_path(read_proc(pid, "cmdline"), mark.folder.native()) ||
         has_entry(read_proc(pid, "environ"), "KREPRO_SESSION=" + mark.id);
}

// 0 where the name is no number.
pid_t pid_of(const std::string& name) {
  if (name.empty() || name.size() > 9 ||
      !std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isdigit(c) != 0; }))
    return 0;
  return static_cast<pid_t>(std::stol(name));
}

// Those of this user that are alive and wanted.
template<class Wanted> std::vector<pid_t> our_processes(const Wanted& wanted) {
  std::vector<pid_t> found;
  std::error_code failed;
  fs::directory_iterator entry("/proc", failed);
  for (; !failed && entry != fs::directory_iterator(); entry.increment(failed)) {
    const pid_t pid = pid_of(entry->path().filename());
    if (pid != 0 && owned_by_us(pid) && wanted(pid) && start_time(pid))
      found.push_back(pid);
  }
  return found;
}

} // namespace

std::optional<std::uint64_t> start_time(pid_t pid) {
  const std::string text = read_proc(pid, "stat");
  // The name, field 2, may hold spaces and parentheses; the last ')' ends it.
  const std::size_t end = text.rfind(')');
  if (end == std::string::npos || end + 2 >= text.size())
    return std::nullopt;
  const std::vector<std::string> fields = split(std::string_view(text).substr(end + 2), ' ');
  if (fields.size() < 20 || fields[0] == "Z" || fields[0] == "X")
    return std::nullopt;
  return std::stoull(fields[19]);
}

std::vector<pid_t> marked_processes(const SessionMark& mark, const std::vector<pid_t>& spared) {
  return our_processes([&](pid_t pid) {
    return std::find(spared.begin(), spared.end(), pid) == spared.end() && marked(pid, mark);
  });
}

std::vector<pid_t> processes_naming(const std::filesystem::path& path) {
  return our_processes(
      [&](pid_t pid) { return has_path(read_proc(pid, "cmdline"), path.native()); });
}

bool kill_marked(const SessionMark& mark, const std::vector<pid_t>& spared, int limit_ms) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::milliseconds(limit_ms);
  for (int empty_scans = 0; empty_scans < 2;) {
    const std::vector<pid_t> found = marked_processes(mark, spared);
    for (const pid_t pid : found)
      ::kill(pid, SIGKILL);
    empty_scans = found.empty() ? empty_scans + 1 : 0;
    if (empty_scans == 2)
      break;
    if (std::chrono::steady_clock::now() >= limit)
      return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(found.empty() ? 100 : 20));
  }
  return true;
}

} // namespace base
