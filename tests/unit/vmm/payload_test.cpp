#include "vmm/boot/payload.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "kernel_image.hpp"

namespace {

std::string content(std::size_t size) {
  std::string bytes;
  std::uint32_t state = 1;
  for (std::size_t i = 0; i < size; ++i) {
    state = state * 1664525 + 1013904223;
    bytes += static_cast<char>(state >> 28);
  }
  return bytes;
}

// Quickly packed, and not one round number of anybody's blocks.
std::string repeated(unsigned times) {
  const std::string piece = content(4099);
  std::string bytes;
  for (unsigned i = 0; i < times; ++i)
    bytes += piece;
  return bytes;
}

// What a kernel's build appends.
std::string with_size(std::string packed, std::size_t size) {
  test::append(packed, static_cast<std::uint32_t>(size));
  return packed;
}

// The legacy frame of lz4 -l, one block of literals for every 8 MiB.
std::string lz4_legacy(std::string_view bytes) {
  std::string frame;
  test::append(frame, std::uint32_t{0x184c2102});
  for (; !bytes.empty(); bytes.remove_prefix(std::min<std::size_t>(bytes.size(), 8 << 20))) {
    const std::string_view literals = bytes.substr(0, 8 << 20);
    std::string block("\xf0");
    std::size_t rest = literals.size() - 15;
    for (; rest >= 255; rest -= 255)
      block += '\xff';
    block += static_cast<char>(rest);
    block += literals;
    test::append(frame, static_cast<std::uint32_t>(block.size()));
    frame += block;
  }
  return frame;
}

struct Packing {
  const char* name;
  test::AddFilter add_filter;
};

const std::vector<Packing>& packings() {
  static const std::vector<Packing> all = {
      {"bzip2", archive_write_add_filter_bzip2},
      {"lzma", archive_write_add_filter_lzma},
      {"xz", archive_write_add_filter_xz},
      {"zstd", archive_write_add_filter_zstd},
  };
  return all;
}

// All packings that tests can make, with their size.
std::vector<std::string> all_packed(const std::string& bytes) {
  std::vector<std::string> all{test::gzip(bytes), with_size(lz4_legacy(bytes), bytes.size())};
  for (const Packing& packing : packings())
    all.push_back(with_size(test::packed(bytes, packing.add_filter), bytes.size()));
  return all;
}

} // namespace

TEST_CASE("gzip is unpacked; its own trailer has the size") {
  const std::string bytes = content(3'000'000);
  CHECK((vmm::unpack(test::gzip(bytes)) == bytes));
}

TEST_CASE("the other packings are unpacked, with their size behind them") {
  const std::string bytes = repeated(300);
  for (const Packing& packing : packings()) {
    INFO(packing.name);
    CHECK((vmm::unpack(with_size(test::packed(bytes, packing.add_filter), bytes.size())) == bytes));
  }
}

TEST_CASE("the legacy lz4 frame is unpacked") {
  const std::size_t size = GENERATE(300u, 100'000u, (8u << 20) + 70'000);
  const std::string bytes = content(size);
  CHECK((vmm::unpack(with_size(lz4_legacy(bytes), size)) == bytes));
}

TEST_CASE("a size that does not fit is damage") {
  const std::string bytes = content(10'000);
  for (const std::size_t size : {std::size_t{0}, bytes.size() - 1, bytes.size() + 1}) {
    const std::string packed = test::packed(bytes, archive_write_add_filter_xz);
    CHECK_THROWS_AS(vmm::unpack(with_size(packed, size)), base::Error);
  }
}

TEST_CASE("a cut or damaged payload is an error, whatever its packing") {
  const std::string bytes = content(20'000);
  for (const std::string& packed : all_packed(bytes)) {
    CHECK_THROWS_AS(vmm::unpack(packed.substr(0, packed.size() / 2)), base::Error);
    CHECK_THROWS_AS(vmm::unpack(packed.substr(0, 8)), base::Error);
    std::string damaged = packed;
    damaged.erase(packed.size() / 3, 500);
    CHECK_THROWS_AS(vmm::unpack(damaged), base::Error);
  }
}

TEST_CASE("a changed byte gives an error or the size that was stated, nothing else") {
  const std::string bytes = content(2'000);
  for (const std::string& packed : all_packed(bytes))
    for (std::size_t at = 0; at < packed.size(); at += 1 + packed.size() / 97) {
      std::string changed = packed;
      changed[at] = static_cast<char>(changed[at] ^ 0x40);
      std::uint32_t stated = 0;
      std::memcpy(&stated, changed.data() + changed.size() - sizeof stated, sizeof stated);
      std::size_t size = stated;
      try {
        size = vmm::unpack(changed).size();
      } catch (const base::Error&) {
      }
      CHECK(size == stated);
    }
}

TEST_CASE("what is not packed, or nothing, is an error") {
  CHECK_THROWS_AS(vmm::unpack(""), base::Error);
  CHECK_THROWS_AS(vmm::unpack("abc"), base::Error);
  CHECK_THROWS_AS(vmm::unpack(std::string(4, '\0')), base::Error);
  CHECK_THROWS_WITH(vmm::unpack(test::Vmlinux().bytes()), Catch::Contains("unknown"));
  CHECK_THROWS_AS(vmm::unpack(test::gzip("")), base::Error);
}
