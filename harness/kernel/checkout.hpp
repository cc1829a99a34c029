// A checkout of krepro's own, in the cache.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "harness/kernel/tree.hpp"
#include "vmm/base/fd.hpp"

namespace harness {

// Held while a checkout's files are changed or compiled. Descriptor of a flock(2)ed file. The
// processes of a build inherit it: after a kill -9 of krepro the lock lasts until the last of them
// is gone.
using CheckoutLock = base::Fd;

// It borrows the objects of the user's repository (objects/info/alternates) and has its own refs,
// index and work tree. The same user tree always gets the same checkout, so that make finds the
// objects of the last build. Layout: cache/trees/<hash>/{source,lock,switching,obj-<hash>}.
class Checkout {
 public:
  // Made on first use; the user's shallow borders are copied each time. Throws base::Error.
  Checkout(const Tree& tree, const std::filesystem::path& cache);

  // The work tree.
  const std::filesystem::path& path() const { return path_; }
  // The folder around it, for files of the build.
  const std::filesystem::path& home() const { return home_; }

  // Waits for another process that uses the checkout; on_wait gets one line that says which, at
  // most once. Throws base::Interrupted.
  CheckoutLock lock(const std::function<void(const std::string&)>& on_wait = {}) const;
  // Makes the work tree exactly that commit; files that do not differ keep their times. Also mends
  // what a killed switch left. The lock must be held. Throws base::Error, with the next step where
  // objects are missing.
  void switch_to(const std::string& sha, const CheckoutLock& lock);
  // Runs git in the checkout; returns its output. Throws base::Error.
  std::string git(const std::vector<std::string>& args) const;

 private:
  void link(const Tree& tree) const;
  void remove_stale_locks() const;
  bool try_switch(const std::string& sha, std::string& complaint) const;
  void forget() const;
  std::string failure(const std::string& sha, const std::string& complaint) const;

  std::filesystem::path user_path_;
  bool partial_ = false;
  std::filesystem::path home_;
  std::filesystem::path path_;
};

} // namespace harness
