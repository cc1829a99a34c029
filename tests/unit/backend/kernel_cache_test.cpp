#include "harness/backend/kernel_cache.hpp"

#include <chrono>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "tests/unit/vmm/kernel_image.hpp"
#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"

namespace {

namespace fs = std::filesystem;

std::string vmlinux(const std::string& version) {
  return test::Vmlinux("a kernel's code, version " + version).bytes();
}

// Kernels on disk, and a cache.
class Kernels {
 public:
  fs::path put(const std::string& name, const std::string& bytes) const {
    base::write_file(dir_.path() / name, bytes);
    return dir_.path() / name;
  }
  fs::path bzimage(const std::string& version, const std::string& name = "bzImage") const {
    return put(name, test::BzImage(test::gzip(vmlinux(version))).bytes());
  }
  fs::path cache() const { return dir_.path() / "cache"; }
  fs::path unpacked(const fs::path& file) const { return harness::unpacked_kernel(file, cache()); }
  std::size_t cached() const {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : fs::directory_iterator(cache() / "vmlinux"))
      ++count;
    return count;
  }

 private:
  base::TempDir dir_{"/tmp", "krepro-test-"};
};

void set_age(const fs::path& file, int hours) {
  fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::hours(hours));
}

} // namespace

TEST_CASE("a kernel is unpacked once") {
  const Kernels kernels;
  const fs::path file = kernels.bzimage("1");
  const fs::path first = kernels.unpacked(file);
  CHECK(first != file);
  CHECK(base::read_file(first) == vmlinux("1"));
  base::write_file(first, "as it was left");
  CHECK(kernels.unpacked(file) == first);
  CHECK(base::read_file(first) == "as it was left");
  CHECK(kernels.cached() == 1);
}

TEST_CASE("a kernel that was replaced is another one") {
  const Kernels kernels;
  const fs::path file = kernels.bzimage("1");
  const auto time = fs::last_write_time(file);
  const fs::path first = kernels.unpacked(file);
  kernels.bzimage("2");
  fs::last_write_time(file, time); // as cp -p does
  const fs::path second = kernels.unpacked(file);
  CHECK(second != first);
  CHECK(base::read_file(second) == vmlinux("2"));
}

TEST_CASE("eight are kept, the newest") {
  const Kernels kernels;
  std::vector<fs::path> unpacked;
  for (int i = 0; i < 10; ++i) {
    const std::string version = std::to_string(i);
    unpacked.push_back(kernels.unpacked(kernels.bzimage(version, "bzImage-" + version)));
    set_age(unpacked.back(), 20 - i);
  }
  CHECK(kernels.cached() == 8);
  CHECK(!fs::exists(unpacked[0]));
  CHECK(!fs::exists(unpacked[1]));
  CHECK(fs::exists(unpacked[2]));
  CHECK(fs::exists(unpacked[9]));
}

TEST_CASE("what was just unpacked is there, whatever the clock said before") {
  const Kernels kernels;
  for (int i = 0; i < 8; ++i) {
    const std::string version = std::to_string(i);
    set_age(kernels.unpacked(kernels.bzimage(version, "bzImage-" + version)), -100);
  }
  const fs::path last = kernels.unpacked(kernels.bzimage("last"));
  CHECK(fs::exists(last));
  CHECK(kernels.cached() == 8);
}

TEST_CASE("a kernel that cannot be unpacked is used as it is") {
  const Kernels kernels;
  const fs::path file = kernels.put("bzImage", test::BzImage("unknown packing").bytes());
  CHECK(kernels.unpacked(file) == file);
}

TEST_CASE("where the cache cannot be written the kernel is used as it is") {
  const Kernels kernels;
  const fs::path file = kernels.bzimage("1");
  kernels.put("cache", "a file, not a folder");
  CHECK(kernels.unpacked(file) == file);
}

TEST_CASE("a file that is no kernel, or not there, is an error") {
  const Kernels kernels;
  CHECK_THROWS_AS(kernels.unpacked(kernels.put("text", "#!/bin/sh\n")), base::UsageError);
  CHECK_THROWS_AS(kernels.unpacked("/nonexistent/bzImage"), base::SysError);
}
