#include "vmm/base/mapping.hpp"

#include <algorithm>
#include <cstdint>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

#include <catch2/catch.hpp>

#include "vmm/base/error.hpp"

namespace {

constexpr std::size_t huge_page = 2 << 20;

base::Fd memory_file(std::size_t size) {
  base::Fd fd(::memfd_create("test", MFD_CLOEXEC));
  REQUIRE(::ftruncate(fd.get(), static_cast<off_t>(size)) == 0);
  return fd;
}

} // namespace

TEST_CASE("anonymous memory is zeroed, writable to its end and aligned to a huge page") {
  const std::size_t size = GENERATE(4096u, 3u * 4096, 2u << 20, (6u << 20) + 4096);
  for (int i = 0; i < 4; ++i) { // of several, some have both ends to give back
    const base::Mapping memory = base::Mapping::anonymous(size, "test");
    CHECK(reinterpret_cast<std::uintptr_t>(memory.data()) % huge_page == 0);
    CHECK(memory.size() == size);
    CHECK(std::all_of(memory.data(), memory.data() + size, [](std::uint8_t b) { return b == 0; }));
    std::fill_n(memory.data(), size, std::uint8_t{1});
  }
}

TEST_CASE("a moved mapping has one owner") {
  base::Mapping first = base::Mapping::anonymous(4096, "first");
  std::uint8_t* const address = first.data();
  address[0] = 7;
  base::Mapping second(std::move(first));
  CHECK(first.data() == nullptr);
  CHECK(first.size() == 0);
  CHECK(second.data() == address);
  base::Mapping third = base::Mapping::anonymous(8192, "third");
  third = std::move(second);
  CHECK(second.data() == nullptr);
  CHECK(third.data() == address);
  CHECK(third.size() == 4096);
  CHECK(third.data()[0] == 7);
  third.reset();
  CHECK(third.data() == nullptr);
  third.reset();
}

TEST_CASE("a shared mapping is the file's") {
  const base::Fd fd = memory_file(4096);
  const base::Mapping one = base::Mapping::shared(fd, 4096, "one");
  const base::Mapping other = base::Mapping::shared(fd, 4096, "other");
  one.data()[10] = 42;
  CHECK(other.data()[10] == 42);
}

TEST_CASE("a mapping that the system refuses is an error that names it") {
  CHECK_THROWS_AS(base::Mapping::shared(base::Fd(), 4096, "vcpu"), base::SysError);
  CHECK_THROWS_WITH(base::Mapping::shared(base::Fd(), 4096, "vcpu"), Catch::Contains("vcpu"));
  CHECK_THROWS_WITH(base::Mapping::anonymous(std::size_t{1} << 60, "guest memory"),
                    Catch::Contains("guest memory"));
}
