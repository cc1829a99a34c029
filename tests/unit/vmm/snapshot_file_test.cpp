#include "vmm/snapshot_file.hpp"

#include <filesystem>
#include <string>

#include <catch2/catch.hpp>

#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"
#include "vmm/kvm/vcpu.hpp"

using namespace vmm;

namespace {

namespace fs = std::filesystem;

// Of a guest with two CPUs and eight pages, one of them in use.
Snapshot small_snapshot() {
  const GuestMemory memory(8 * page_size);
  memory.write(3 * page_size, "in use");
  Snapshot snapshot{MemoryImage(memory), {}, std::vector<VcpuState>(2), {}};
  snapshot.devices.channel.input = "unread";
  snapshot.devices.power.control = 0x1234;
  snapshot.vm.clock.clock = 77;
  for (VcpuState& cpu : snapshot.cpus)
    cpu.xsave.resize(least_xsave_size);
  snapshot.cpus[1].registers.regs.rip = 0xffffffff81000000;
  snapshot.cpus[1].msrs = {{0x10, 5}, {0x6e0, 6}};
  return snapshot;
}

struct Saved {
  Saved() { save_snapshot(small_snapshot(), file, "key", "note"); }

  // With one byte changed, `at` from the start or, below zero, from the end.
  void damage(long at) const {
    std::string bytes = base::read_file(file);
    const std::size_t place =
        static_cast<std::size_t>(at < 0 ? static_cast<long>(bytes.size()) + at : at);
    bytes[place] = static_cast<char>(bytes[place] ^ 1);
    base::write_file(file, bytes);
  }

  base::TempDir folder{fs::temp_directory_path(), "krepro-snapshot-"};
  fs::path file = folder.path() / "snapshot";
};

} // namespace

TEST_CASE("a snapshot comes back as it was saved") {
  const Saved saved;
  const auto loaded = load_snapshot(saved.file, "key");
  REQUIRE(loaded);
  CHECK(loaded->note == "note");
  const Snapshot& snapshot = *loaded->snapshot;
  CHECK(snapshot.memory.size() == 8 * page_size);
  const GuestMemory memory = snapshot.memory.copy();
  CHECK(memory.at(3 * page_size, 2)[0] == 'i');
  CHECK(memory.at(7 * page_size, 1)[0] == 0);
  CHECK(snapshot.devices.channel.input == "unread");
  CHECK(snapshot.devices.power.control == 0x1234);
  CHECK(snapshot.vm.clock.clock == 77);
  REQUIRE(snapshot.cpus.size() == 2);
  CHECK(snapshot.cpus[1].registers.regs.rip == 0xffffffff81000000);
  CHECK(tsc_of(snapshot.cpus[1]) == 5);
}

TEST_CASE("a snapshot is nothing to who asks for another, and is replaced") {
  const Saved saved;
  CHECK_FALSE(load_snapshot(saved.file, "another key"));
  CHECK_FALSE(load_snapshot(saved.folder.path() / "missing", "key"));
  save_snapshot(small_snapshot(), saved.file, "another key", "");
  CHECK(load_snapshot(saved.file, "another key"));
  CHECK(std::distance(fs::directory_iterator(saved.folder.path()), fs::directory_iterator()) == 1);
}

TEST_CASE("damage to a snapshot is found, wherever it is") {
  const Saved saved;
  const long place = GENERATE(20L, 30L, 40L, 60L, 2000L, -long{5 * page_size});
  saved.damage(place);
  CHECK_THROWS_AS(load_snapshot(saved.file, "key"), base::Error);
}

TEST_CASE("a snapshot that was cut is damaged; what is none is not read") {
  const Saved saved;
  const std::string whole = base::read_file(saved.file);
  base::write_file(saved.file, whole.substr(0, whole.size() - page_size));
  CHECK_THROWS_AS(load_snapshot(saved.file, "key"), base::Error);
  base::write_file(saved.file, whole.substr(0, 10));
  CHECK_THROWS_AS(load_snapshot(saved.file, "key"), base::Error);
  base::write_file(saved.file, std::string(whole.size(), 'x'));
  CHECK_FALSE(load_snapshot(saved.file, "key"));
}

TEST_CASE("a snapshot that does not fit leaves nothing behind") {
  CHECK_THROWS_AS(save_snapshot(small_snapshot(), "/proc/self/snapshot", "", ""), base::SysError);
}
