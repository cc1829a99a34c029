#include "harness/backend/kvm_probe.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>

#include "vmm/base/files.hpp"

namespace {

namespace fs = std::filesystem;

bool can_open_kvm() { return ::access("/dev/kvm", R_OK | W_OK) == 0; }

std::string boot_id() { return base::read_file("/proc/sys/kernel/random/boot_id"); }

} // namespace

TEST_CASE("the probe has an answer and a reason, the same each time") {
  const base::TempDir dir("/tmp", "krepro-test-");
  const vmm::KvmProbe first = harness::kvm_probe(dir.path());
  const vmm::KvmProbe second = harness::kvm_probe(dir.path());
  CHECK(!first.reason.empty());
  CHECK(second.usable == first.usable);
  CHECK(second.reason == first.reason);
}

TEST_CASE("only an answer about a /dev/kvm that can be opened is kept") {
  const base::TempDir dir("/tmp", "krepro-test-");
  harness::kvm_probe(dir.path());
  CHECK(fs::exists(dir.path() / "kvm-probe") == can_open_kvm());
}

TEST_CASE("an answer of this boot is taken where there is a /dev/kvm to be opened") {
  const base::TempDir dir("/tmp", "krepro-test-");
  base::write_file(dir.path() / "kvm-probe", boot_id() + "nkept words\n");
  CHECK((harness::kvm_probe(dir.path()).reason == "kept words") == can_open_kvm());
}

TEST_CASE("an answer of another boot, or a broken one, is not taken") {
  const base::TempDir dir("/tmp", "krepro-test-");
  for (const std::string& text : {std::string("another boot\nnkept words\n"),
                                  boot_id() + "?kept words\n", boot_id() + "n", std::string()}) {
    base::write_file(dir.path() / "kvm-probe", text);
    CHECK(harness::kvm_probe(dir.path()).reason != "kept words");
  }
}

TEST_CASE("a cache that cannot be written does not keep the probe from answering") {
  CHECK(!harness::kvm_probe("/proc/nonexistent").reason.empty());
}
