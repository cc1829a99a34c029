#include "harness/kernel/checkout.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <fmt/format.h>

#include "harness/kernel/git.hpp"
#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"
#include "vmm/base/stop.hpp"
#include "vmm/base/text.hpp"

namespace harness {

namespace fs = std::filesystem;

namespace {

// Files that git leaves behind when it is killed. Only we use this repository, and we hold its
// lock.
constexpr const char* stale_locks[] = {"index.lock", "HEAD.lock", "config.lock", "shallow.lock",
                                       "packed-refs.lock"};

std::string holder_of(const fs::path& lock_file) {
  const std::string pid(base::trim(base::read_file(lock_file)));
  return pid.empty() ? "another krepro" : "krepro with pid " + pid;
}

// Git commands that write in our repository: the user's configuration (line endings, hooks,
// templates) must not change what a checkout is.
std::vector<std::string> hermetic(const std::vector<std::string>& args) {
  std::vector<std::string> all;
  for (const char* setting :
       {"core.autocrlf=false", "core.eol=lf", "core.hooksPath=/dev/null", "core.fileMode=true",
        "core.attributesFile=/dev/null", "core.excludesFile=/dev/null", "core.symlinks=true",
        "core.sparseCheckout=false", "core.splitIndex=false", "gc.auto=0",
        "submodule.recurse=false", "advice.detachedHead=false"}) {
    all.emplace_back("-c");
    all.emplace_back(setting);
  }
  all.insert(all.end(), args.begin(), args.end());
  return all;
}

} // namespace

Checkout::Checkout(const Tree& tree, const fs::path& cache)
    : user_path_(tree.path()), partial_(tree.is_partial()),
      home_(cache / "trees" / base::sha256(tree.common_dir().string()).substr(0, 16)) {
  fs::create_directories(home_);
  home_ = fs::canonical(home_);
  path_ = home_ / "source";
  git_output(home_, {"init", "-q", "--template=", "--object-format=" + tree.object_format(),
                     path_.string()});
  link(tree);
}

// The paths are those of today: the user's repository may be another one than at the last use.
void Checkout::link(const Tree& tree) const {
  const std::string objects = tree.objects_dir().string();
  if (objects.find('\n') != std::string::npos)
    throw base::UsageError(
        fmt::format("{}: a tree's path with a line break cannot be used", objects));
  const fs::path git_folder = path_ / ".git";
  base::write_file(git_folder / "objects/info/alternates", objects + "\n");
  const fs::path shallow = tree.common_dir() / "shallow";
  if (fs::exists(shallow))
    base::write_file(git_folder / "shallow", base::read_file(shallow));
  else
    fs::remove(git_folder / "shallow");
}

CheckoutLock Checkout::lock(const std::function<void(const std::string&)>& on_wait) const {
  const fs::path file = home_ / "lock";
  // Not close-on-exec, see the type's comment.
  CheckoutLock fd(::open(file.c_str(), O_RDWR | O_CREAT, 0644)); // NOLINT(android-cloexec-open)
  if (!fd)
    throw base::SysError(errno, "open", file);
  bool told = false;
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR)
      throw base::SysError(errno, "flock", file);
    if (!told && on_wait)
      on_wait(fmt::format("waiting for the checkout of {}: {} uses it", user_path_.string(),
                          holder_of(file)));
    told = true;
    base::sleep_for(std::chrono::milliseconds(100));
  }
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(fd.get(), 0) != 0 || ::pwrite(fd.get(), pid.data(), pid.size(), 0) < 0)
    throw base::SysError(errno, "write", file);
  return fd;
}

void Checkout::remove_stale_locks() const {
  for (const char* name : stale_locks)
    fs::remove(path_ / ".git" / name);
}

// False and git's complaint where git fails.
bool Checkout::try_switch(const std::string& sha, std::string& complaint) const {
  const base::Finished finished =
      run_git(path_, hermetic({"checkout", "-q", "-f", "--detach", sha, "--"}));
  complaint = finished.status.success() ? "" : git_complaint(finished);
  return finished.status.success();
}

// Nothing can be made of the index or of HEAD (another repository was here): begin again. The files
// stay and are overwritten.
void Checkout::forget() const {
  fs::remove(path_ / ".git/index");
  base::write_file(path_ / ".git/HEAD", "ref: refs/heads/none\n");
}

void Checkout::switch_to(const std::string& sha, const CheckoutLock& lock) {
  ASSERT(static_cast<bool>(lock));
  const fs::path marker = home_ / "switching";
  bool dirty = fs::exists(marker);
  remove_stale_locks();
  if (!partial_ && !run_git(path_, {"cat-file", "-e", sha + "^{tree}"}).status.success())
    throw base::Error(fmt::format("commit {} is not in {}; next step: git -C {} fetch", sha,
                                  user_path_.string(), user_path_.string()));
  base::write_file(marker, sha);
  std::string complaint;
  bool done = try_switch(sha, complaint);
  if (!done && !partial_) {
    forget();
    dirty = true;
    done = try_switch(sha, complaint);
  }
  if (!done)
    throw base::Error(failure(sha, complaint));
  if (dirty) // files that no index knows
    git_output(path_, hermetic({"clean", "-q", "-f", "-f", "-d", "-x"}));
  fs::remove(marker);
}

std::string Checkout::failure(const std::string& sha, const std::string& complaint) const {
  if (!partial_)
    return fmt::format("git checkout {} in {}: {}", sha, path_.string(), complaint);
  return fmt::format("objects of commit {} are missing in the partial clone {} ({}); next step: "
                     "git -C {} archive {} >/dev/null, which fetches them",
                     sha, user_path_.string(), complaint, user_path_.string(), sha);
}

std::string Checkout::git(const std::vector<std::string>& args) const {
  return git_output(path_, hermetic(args));
}

} // namespace harness
