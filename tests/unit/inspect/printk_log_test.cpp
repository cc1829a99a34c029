#include <cstdint>
#include <random>
#include <string>

#include <catch2/catch.hpp>

#include "tests/unit/inspect/fake_kernel.hpp"

using namespace harness;

namespace {

constexpr unsigned newline = 2, prefix = 4, continued = 8;
constexpr std::uint64_t buffer = 0x100000;

struct Guest {
  explicit Guest(std::uint32_t buffer_size = 256) : size(buffer_size) {
    for (const char* name : {"log_buf", "log_buf_len", "log_first_seq", "log_next_seq",
                             "log_first_idx", "log_next_idx", "console_prev", "init_level4_pgt"})
      kernel.copy(name);
    kernel.write(buffer, std::string(size, '\0'));
    kernel.set("log_buf", 0xffff888000000000 + buffer);
    kernel.set("log_buf_len", size);
  }

  std::uint64_t add(const std::string& text, unsigned flags = newline, unsigned level = 6) {
    const auto length = static_cast<std::uint32_t>((16 + text.size() + 3) / 4 * 4);
    if (index + length + 16 > size) { // there is always room for a record that ends the buffer
      kernel.write(buffer + index, std::string(16, '\0'));
      index = 0;
    }
    const std::uint64_t at = buffer + index;
    kernel.put(at, "printk_log", "ts_nsec", 1'234'567'890);
    kernel.put(at, "printk_log", "len", length);
    kernel.put(at, "printk_log", "text_len", text.size());
    kernel.put(at, "printk_log", "flags", flags);
    kernel.put(at, "printk_log", "level", level);
    kernel.write(at + 16, text);
    index += length;
    kernel.set("log_next_idx", index);
    kernel.set("log_next_seq", ++sequence);
    return at;
  }
  void drop_before(std::uint64_t first_sequence, std::uint32_t first_index) {
    kernel.set("log_first_seq", first_sequence);
    kernel.set("log_first_idx", first_index);
  }

  std::uint32_t size;
  FakeKernel kernel{KREPRO_LOG_ELF};
  LogReader reader = kernel.reader();
  std::uint32_t index = 0;
  std::uint64_t sequence = 0;
};

std::string line(const std::string& text) { return "[    1.234567] " + text + "\n"; }

} // namespace

TEST_CASE("records of the old log come once, over its end") {
  Guest guest;
  CHECK(guest.reader.take() == "");
  for (int i = 0; i < 60; ++i) {
    const std::string text = std::to_string(i) + std::string(static_cast<std::size_t>(i % 9), 'x');
    guest.add(text);
    guest.drop_before(guest.sequence - 1, 0);
    INFO(i);
    CHECK(guest.reader.take() == line(text));
    CHECK(guest.reader.take() == "");
  }
}

TEST_CASE("parts of a line, as 4.8 prints them") {
  Guest guest(4096);
  guest.add("begin ", continued | prefix);
  guest.add("middle ", continued);
  guest.add("end", continued | newline);
  guest.add("next", prefix | newline);
  CHECK(guest.reader.take() == line("begin middle end") + line("next"));
}

TEST_CASE("records of the old log that were overwritten are counted") {
  Guest guest;
  guest.add("a");
  CHECK(guest.reader.take() == line("a"));
  const std::uint32_t lost = guest.index;
  guest.add("b");
  const std::uint32_t kept = guest.index;
  guest.add("c");
  guest.drop_before(2, kept);
  CHECK(kept > lost);
  CHECK(guest.reader.take() == "** 1 printk messages dropped **\n" + line("c"));
}

TEST_CASE("an old log that lies") {
  Guest guest;
  const std::uint64_t liar = guest.add("liar");
  SECTION("length shorter than a record's head") {
    guest.kernel.put(liar, "printk_log", "len", 4);
    guest.add("behind");
    CHECK(guest.reader.take() == "");
    guest.add("later");
    CHECK(guest.reader.take() == "** 2 printk messages dropped **\n" + line("later"));
  }
  SECTION("length beyond the buffer") {
    guest.kernel.put(liar, "printk_log", "len", 65'535);
    CHECK(guest.reader.take() == "");
  }
  SECTION("text beyond its record") {
    guest.kernel.put(liar, "printk_log", "text_len", 65'535);
    CHECK(guest.reader.take() == line("liar"));
  }
  SECTION("an end of the buffer at its start") {
    guest.kernel.put(liar, "printk_log", "len", 0);
    CHECK(guest.reader.take() == "");
  }
  SECTION("numbers") {
    guest.kernel.set("log_next_seq", ~std::uint64_t(0));
    CHECK(guest.reader.take());
    guest.kernel.set("log_first_seq", ~std::uint64_t(0) - 1);
    guest.kernel.set("log_first_idx", ~std::uint32_t(0));
    CHECK(guest.reader.take());
    guest.kernel.set("log_next_seq", std::uint64_t(7));
    guest.kernel.set("log_buf_len", ~std::uint32_t(0));
    CHECK_FALSE(guest.reader.take());
  }
  SECTION("no buffer") {
    guest.kernel.set("log_buf", std::uint64_t(0));
    CHECK_FALSE(guest.reader.take());
    CHECK(guest.reader.why() != "");
  }
}

TEST_CASE("random bytes in an old log are no trap") {
  std::mt19937_64 random(1);
  for (int i = 0; i < 300; ++i) {
    Guest guest;
    for (int n = 0; n < 5; ++n)
      guest.add("text");
    for (int n = 0; n < 40; ++n)
      guest.kernel.pages.put(buffer + random() % 0x100, static_cast<std::uint8_t>(random()));
    const auto text = guest.reader.take();
    CHECK((!text || text->size() < 1 << 16));
  }
}
