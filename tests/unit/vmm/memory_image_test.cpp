#include "vmm/boot/memory_image.hpp"

#include <algorithm>
#include <string>

#include <catch2/catch.hpp>

using namespace vmm;

namespace {

std::string text_at(const GuestMemory& memory, std::uint64_t address, std::uint64_t size) {
  const auto bytes = memory.at(address, size);
  return {bytes.begin(), bytes.end()};
}

} // namespace

TEST_CASE("an image holds the pages that are in use") {
  const GuestMemory memory(64 * page_size);
  memory.write(3 * page_size - 2, "four");
  memory.write(10 * page_size, "x");
  memory.write(20 * page_size, std::string_view("\0\0", 2));
  const MemoryImage image(memory);
  REQUIRE(image.size() == memory.size());
  REQUIRE(image.runs().size() == 2);
  CHECK(image.runs()[0].first == 2);
  CHECK(image.runs()[0].count == 2);
  CHECK(image.runs()[1].first == 10);
  CHECK(image.bytes_of(image.runs()[1])[0] == 'x');
}

TEST_CASE("copies start alike and do not see each other") {
  const GuestMemory memory(8 * page_size);
  memory.write(100, "original");
  const MemoryImage image(memory);
  memory.write(100, "changed!");
  const GuestMemory one = image.copy();
  const GuestMemory other = image.copy();
  one.write(100, "one's   ");
  CHECK(text_at(one, 100, 8) == "one's   ");
  CHECK(text_at(other, 100, 8) == "original");
  CHECK(text_at(image.copy(), 100, 8) == "original");
}

TEST_CASE("a copy is put back, whichever pages were written to") {
  const GuestMemory memory(32 * page_size);
  memory.write(5 * page_size, "kept");
  const MemoryImage image(memory);
  const GuestMemory copy = image.copy();
  for (int round = 0; round < 2; ++round) {
    copy.write(5 * page_size, "gone");
    copy.write(9 * page_size, "new");
    image.put_back(copy);
    CHECK(text_at(copy, 5 * page_size, 4) == "kept");
    CHECK(text_at(copy, 9 * page_size, 3) == std::string(3, '\0'));
  }
}

TEST_CASE("a copy that was written to all over is put back as well") {
  const GuestMemory memory(96u << 20);
  memory.write(7, "kept");
  const MemoryImage image(memory);
  const GuestMemory copy = image.copy();
  std::fill(copy.all().begin(), copy.all().end(), std::uint8_t{0xff});
  image.put_back(copy);
  CHECK(text_at(copy, 7, 4) == "kept");
  CHECK(copy.all().back() == 0);
}
