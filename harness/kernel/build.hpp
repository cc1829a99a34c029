// A revision into a kernel: toolchain, config, make, store.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/kernel/checkout.hpp"
#include "harness/kernel/config.hpp"
#include "harness/kernel/image.hpp"
#include "harness/kernel/tree.hpp"

namespace harness {

struct KernelSpec {
  std::filesystem::path tree;
  std::vector<std::string> config; // fragments: names in images/kernel, or paths of files
  std::filesystem::path images;    // krepro's data folder (images/)
  std::filesystem::path cache;     // base::cache_home()
  unsigned jobs = 0;               // make -j; 0: CPUs
  bool retry_failed = false;       // a failure in the store does not count
};

struct BuildResult {
  std::optional<Image> image; // nothing: it does not build
  bool from_store = false;
  std::string error;         // does not build: the first compiler or make error, one line
  std::filesystem::path log; // the whole make output, kept
  std::string compiler;      // also for a failed build
  double seconds = 0;        // wall time, checkout included; ~0 from the store
};

// Builds revisions of one tree, one at a time. Kernels are kept in cache/kernels/<key>, written to
// a folder beside it and renamed when complete; a failed build is remembered too (its log), so that
// it is not tried twice with the same inputs.
class Builder {
 public:
  // Throws base::UsageError for a tree, fragment or toolchain table that cannot be read.
  explicit Builder(KernelSpec spec);
  Builder(Builder&&) noexcept;
  Builder(const Builder&) = delete;
  Builder& operator=(Builder&&) = delete;
  Builder& operator=(const Builder&) = delete;
  ~Builder();
  const Tree& tree() const;
  // The compiler that toolchains.toml picks for that commit, as it names itself.
  // Throws base::Error with the next step where it is not installed.
  std::string compiler(const std::string& sha);
  // SHA-256 of all that goes into the kernel: the tree object, the fragments, the toolchain entry
  // with its fixups, the compiler, the linker. A function of these alone (the final .config is one
  // too), so that a kernel in the store is found without a checkout.
  std::string key(const std::string& sha);
  // on_progress gets one line a stage ("config", "CC drivers/vhost/vhost.o", "LD vmlinux"), and one
  // when another process has the checkout. A kernel that does not build is a value. Throws
  // base::Error for our own failures (disk full, missing tool), ConfigError where an option did not
  // survive or a fixup does not fit (this revision cannot be judged with this job),
  // base::Interrupted.
  BuildResult build(const std::string& sha,
                    const std::function<void(const std::string&)>& on_progress = {});
  // The checkout, made on first use. Waits for nobody; take its lock before its files are changed.
  Checkout& checkout();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

} // namespace harness
