// Built kernels, and failures to build, by key: cache/kernels/<key>/ and
// cache/kernels/<key>.failed/.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "harness/kernel/image.hpp"
#include "vmm/base/files.hpp"

namespace harness {

struct StoredFailure {
  std::string error;
  std::filesystem::path log;
};

// Entries appear whole, by rename, and their files are read-only. Any number of processes may use
// it.
class Store {
 public:
  explicit Store(const std::filesystem::path& cache) : folder_(cache / "kernels") {}

  std::optional<Image> find(const std::string& key) const;
  std::optional<StoredFailure> find_failure(const std::string& key) const;

  // A folder for the parts of an entry; removes those of killed processes first.
  base::TempDir prepare() const;
  // The parts are vmlinux, bzImage, config and build.log; image says the rest. Forgets an older
  // failure. Throws base::SysError.
  Image publish(base::TempDir parts, const Image& image) const;
  // The part is build.log.
  StoredFailure publish_failure(base::TempDir parts, const std::string& key,
                                const std::string& error) const;

 private:
  void sweep() const;
  std::filesystem::path folder_;
};

// Copies a file, sharing blocks where the file system can. Throws base::SysError.
void clone_file(const std::filesystem::path& from, const std::filesystem::path& to);

} // namespace harness
