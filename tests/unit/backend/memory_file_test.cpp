#include "harness/backend/memory_file.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch.hpp>

namespace {

base::Fd memfd(const char* name, const std::string& content) {
  base::Fd file(::memfd_create(name, MFD_CLOEXEC));
  REQUIRE(file);
  REQUIRE(::write(file.get(), content.data(), content.size()) ==
          static_cast<ssize_t>(content.size()));
  return file;
}

} // namespace

TEST_CASE("memory of the pc machine, by size") {
  const auto small = harness::pc_memory(512u << 20);
  REQUIRE(small.size() == 2);
  CHECK((small[0].guest == 0 && small[0].offset == 0 && small[0].size == 0xa0000));
  CHECK((small[1].guest == 0x100000 && small[1].offset == 0x100000 && small[1].size == 511u << 20));
  const auto large = harness::pc_memory(std::uint64_t{4} << 30);
  REQUIRE(large.size() == 3);
  CHECK(large[1].size == 0xc0000000 - 0x100000);
  CHECK(large[2].offset == 0xc0000000);
  CHECK((large[2].guest == std::uint64_t{4} << 30 && large[2].size == std::uint64_t{1} << 30));
}

TEST_CASE("memory is read by ranges, over their borders, and not outside") {
  const harness::MemoryFile memory(memfd("memory", "0123456789abcdef"),
                                   {{0x1000, 8, 8}, {0x1008, 0, 8}, {0x1010, 12, 8}});
  std::string read(16, '\0');
  std::span bytes(reinterpret_cast<std::uint8_t*>(read.data()), read.size());
  REQUIRE(memory.read(0x1000, bytes));
  CHECK(read == "89abcdef01234567");
  CHECK(!memory.read(0xfff, bytes));
  CHECK(memory.read(0x100f, bytes.first(1)));
  CHECK(memory.read(0x1010, bytes.first(4)));
  CHECK(!memory.read(0x1010, bytes.first(5))); // a range, but past the file's end
  CHECK(!memory.read(0x1018, bytes.first(1)));
  CHECK(memory.read(0, {}));
}

TEST_CASE("QEMU's file is known by its name, and outlives its owner") {
  base::Fd other = memfd("memory", "other");
  CHECK(!harness::MemoryFile::of_qemu(::getpid(), {{0, 0, 4}}));
  base::Fd owner = memfd("memory-backend-memfd", "pc.ram");
  const auto memory = harness::MemoryFile::of_qemu(::getpid(), {{0, 0, 6}});
  owner.reset();
  REQUIRE(memory);
  std::string read(6, '\0');
  REQUIRE(memory->read(0, {reinterpret_cast<std::uint8_t*>(read.data()), read.size()}));
  CHECK(read == "pc.ram");
  CHECK(!harness::MemoryFile::of_qemu(0, {{0, 0, 4}})); // no process
}
