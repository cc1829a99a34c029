#include <cstdint>
#include <random>
#include <string>

#include <catch2/catch.hpp>

#include "tests/unit/inspect/fake_kernel.hpp"

using namespace harness;

namespace {

constexpr std::uint64_t reserved = 0, committed = 1, finalized = 2, reusable = 3;
constexpr std::uint64_t id_mask = (std::uint64_t(1) << 62) - 1;

// Writes records as the kernel does, from its first ids and positions on.
class Ring {
 public:
  static constexpr unsigned count_bits = 3, size_bits = 8;
  static constexpr std::uint64_t count = 1 << count_bits, size = 1 << size_bits;

  explicit Ring(FakeKernel& kernel, std::uint64_t place = 0x100000)
      : kernel_(kernel), descs_(place), infos_(place + 0x1000), data_(place + 0x2000),
        ring_(*kernel.image.physical(*kernel.image.symbol("printk_rb"))) {
    kernel_.write(place, std::string(0x3000, '\0'));
    put("desc_ring.count_bits", count_bits);
    put("desc_ring.descs", FakeKernel::direct_map + descs_);
    put("desc_ring.infos", FakeKernel::direct_map + infos_);
    put("text_data_ring.size_bits", size_bits);
    put("text_data_ring.data", FakeKernel::direct_map + data_);
    state(head_, reusable);
    blocks(head_, 1, 1);
    put_ids();
  }

  void put(const char* path, std::uint64_t value) {
    kernel_.put(ring_, "printk_ringbuffer", path, value);
  }
  void state(std::uint64_t id, std::uint64_t value) {
    kernel_.put(desc(id), "prb_desc", "state_var.counter", value << 62 | (id & id_mask));
  }
  void blocks(std::uint64_t id, std::uint64_t begin, std::uint64_t next) {
    kernel_.put(desc(id), "prb_desc", "text_blk_lpos.begin", begin);
    kernel_.put(desc(id), "prb_desc", "text_blk_lpos.next", next);
  }
  void info(std::uint64_t id, const char* path, std::uint64_t value) {
    kernel_.put(infos_ + id % count * *kernel_.image.size_of("printk_info"), "printk_info", path,
                value);
  }
  std::uint64_t add(const std::string& text, std::uint64_t how = finalized, unsigned level = 6) {
    head_ = (head_ + 1) & id_mask;
    if (sequence_ >= count)
      tail_ = (head_ - count + 1) & id_mask;
    put_ids();
    state(head_, how);
    std::uint64_t begin = position_;
    const std::uint64_t length = (8 + text.size() + 7) / 8 * 8;
    position_ += length;
    if ((position_ - 1) / size != begin / size) // begins at the ring's start instead
      position_ = (position_ - 1) / size * size + length;
    const std::uint64_t start = (position_ - 1) / size != begin / size ? 0 : begin % size;
    blocks(head_, begin, position_);
    kernel_.pages.put(data_ + start, head_);
    kernel_.write(data_ + start + 8, text);
    info(head_, "seq", sequence_++);
    info(head_, "ts_nsec", 1'234'567'890);
    info(head_, "text_len", text.size());
    info(head_, "level", level);
    info(head_, "flags", 2);
    info(head_, "caller_id", 1);
    return head_;
  }

 private:
  std::uint64_t desc(std::uint64_t id) const {
    return descs_ + id % count * *kernel_.image.size_of("prb_desc");
  }
  void put_ids() {
    put("desc_ring.head_id", head_);
    put("desc_ring.tail_id", tail_);
  }

  FakeKernel& kernel_;
  std::uint64_t descs_, infos_, data_, ring_;
  std::uint64_t head_ = (0 - count - 1) & id_mask;
  std::uint64_t tail_ = head_;
  std::uint64_t position_ = 0 - size;
  std::uint64_t sequence_ = 0;
};

std::string line(const std::string& text) { return "[    1.234567][    T1] " + text + "\n"; }

struct Guest {
  FakeKernel kernel{KREPRO_RING_ELF};
  Ring ring{kernel};
  LogReader reader = kernel.reader();
};

} // namespace

TEST_CASE("records come once, when they are there") {
  Guest guest;
  CHECK(guest.reader.take() == "");
  guest.ring.add("first");
  guest.ring.add("two\nlines");
  CHECK(guest.reader.take() == line("first") + line("two") + line("lines"));
  CHECK(guest.reader.take() == "");
  guest.ring.add("");
  CHECK(guest.reader.take() == line(""));
}

TEST_CASE("both rings run over their ends") {
  Guest guest;
  for (int i = 0; i < 100; ++i) {
    const std::string text = std::to_string(i) + std::string(static_cast<std::size_t>(i % 7), 'x');
    guest.ring.add(text);
    INFO(i);
    CHECK(guest.reader.take() == line(text));
  }
}

TEST_CASE("what was overwritten is counted") {
  Guest guest;
  guest.ring.add("a");
  CHECK(guest.reader.take() == line("a"));
  for (int i = 0; i < 11; ++i)
    guest.ring.add(std::to_string(i));
  std::string expected = "** 3 printk messages dropped **\n";
  for (int i = 3; i < 11; ++i)
    expected += line(std::to_string(i));
  CHECK(guest.reader.take() == expected);
}

TEST_CASE("a record that may grow is waited for, unless nothing will come") {
  Guest guest;
  guest.ring.add("done");
  const std::uint64_t open = guest.ring.add("open", committed);
  guest.ring.add("behind");
  CHECK(guest.reader.take() == line("done"));
  CHECK(guest.reader.take() == "");
  SECTION("it is completed") {
    guest.ring.state(open, finalized);
    CHECK(guest.reader.take() == line("open") + line("behind"));
  }
  SECTION("the guest is dead") {
    CHECK(guest.reader.take_rest() == line("open") + line("behind"));
    CHECK(guest.reader.take_rest() == "");
  }
  SECTION("dead while it wrote") {
    guest.ring.state(open, reserved);
    CHECK(guest.reader.take_rest() == "** 1 printk messages dropped **\n" + line("behind"));
  }
}

TEST_CASE("the log moves to a larger ring") {
  Guest guest;
  guest.ring.add("early");
  CHECK(guest.reader.take() == line("early"));
  FakeKernel& kernel = guest.kernel;
  kernel.write(0x200000, std::string(0x1000, '\0'));
  const std::uint64_t old = *kernel.image.physical(*kernel.image.symbol("printk_rb"));
  std::string bytes(*kernel.image.size_of("printk_ringbuffer"), '\0');
  Ring larger(kernel, 0x300000);
  larger.add("early");
  larger.add("late");
  REQUIRE(kernel.pages.read(old, {reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()}));
  kernel.write(0x200000, bytes);
  kernel.set("prb", FakeKernel::direct_map + 0x200000);
  CHECK(guest.reader.take() == line("late"));
}

TEST_CASE("levels, and how lines are prefixed") {
  Guest guest;
  LogReader all = guest.kernel.reader(LogLevels::all);
  guest.ring.add("debug", finalized, 7);
  guest.ring.add("error", finalized, 3);
  CHECK(guest.reader.take() == line("error"));
  CHECK(all.take() == line("debug") + line("error"));
  guest.ring.add("debug before an oops", finalized, 7);
  guest.ring.add("oops", finalized, 1);
  guest.kernel.set("console_printk", 15);
  CHECK(guest.reader.take() == line("oops"));
  guest.ring.add("debug after it", finalized, 7);
  CHECK(guest.reader.take() == line("debug after it"));
  guest.kernel.set("printk_time", std::uint8_t(0));
  guest.ring.info(guest.ring.add("by a CPU", finalized, 7), "caller_id", 0x80000003);
  CHECK(guest.reader.take() == "[    C3] by a CPU\n");
}

TEST_CASE("a log that lies") {
  Guest guest;
  const std::uint64_t liar = guest.ring.add("liar");
  const std::string behind = "** 1 printk messages dropped **\n" + line("behind");
  SECTION("text longer than its block") {
    guest.ring.info(liar, "text_len", 65'535);
    guest.ring.add("behind");
    CHECK(guest.reader.take() == line(std::string("liar\0\0\0\0", 8)) + line("behind"));
  }
  SECTION("a block of another record") {
    guest.kernel.pages.put(0x102000, std::uint64_t(4711));
    guest.ring.add("behind");
    CHECK(guest.reader.take() == behind);
  }
  SECTION("positions") {
    guest.ring.add("behind");
    using Blocks = std::pair<std::uint64_t, std::uint64_t>;
    const auto [begin, next] =
        GENERATE(Blocks(0, 0), Blocks(8, 0), Blocks(0, ~0ull - 7), Blocks(~0ull - 7, 4),
                 Blocks(0, 4), Blocks(256, 1024), Blocks(1, 1), Blocks(0, 0x8000000000000000));
    guest.ring.blocks(liar, begin, next);
    CHECK(guest.reader.take() == behind);
  }
  SECTION("sizes") {
    guest.ring.put("desc_ring.count_bits", 40);
    CHECK_FALSE(guest.reader.take());
    CHECK(guest.reader.why() != "");
    guest.ring.put("desc_ring.count_bits", Ring::count_bits);
    guest.ring.put("text_data_ring.size_bits", 64);
    CHECK_FALSE(guest.reader.take());
  }
  SECTION("pointers") {
    guest.ring.put("desc_ring.descs", 0x1000);
    CHECK(guest.reader.take() == "");
    guest.ring.put("desc_ring.descs", ~0ull - 8);
    CHECK(guest.reader.take() == "");
    guest.kernel.set("prb", std::uint64_t(0));
    CHECK_FALSE(guest.reader.take());
  }
  SECTION("ids") {
    guest.ring.put("desc_ring.tail_id", 5);
    CHECK(guest.reader.take());
    guest.ring.put("desc_ring.head_id", ~0ull);
    CHECK(guest.reader.take());
    CHECK(guest.reader.take_rest());
  }
  SECTION("a ring as large as it may say") {
    guest.ring.put("desc_ring.count_bits", 26);
    guest.ring.put("desc_ring.tail_id", 0);
    guest.ring.put("desc_ring.head_id", (1 << 26) - 1);
    CHECK(guest.reader.take_rest());
  }
}

TEST_CASE("random bytes are no trap") {
  std::mt19937_64 random(1);
  for (int i = 0; i < 300; ++i) {
    Guest guest;
    for (int n = 0; n < 5; ++n)
      guest.ring.add("text");
    const auto place = 0x100000 + (random() % 3) * 0x1000;
    for (int n = 0; n < 40; ++n)
      guest.kernel.pages.put(place + random() % 0x100, static_cast<std::uint8_t>(random()));
    const auto text = guest.reader.take();
    CHECK((!text || text->size() < 1 << 16));
    guest.reader.take_rest();
  }
}

TEST_CASE("the kernel has to be there") {
  Guest guest;
  guest.ring.add("x");
  guest.kernel.set("linux_banner", 'X');
  CHECK_FALSE(guest.reader.take());
  CHECK(guest.reader.why().find("not in the guest's memory") != std::string::npos);
  guest.kernel.copy("linux_banner");
  CHECK(guest.reader.take() == line("x"));
}

TEST_CASE("a kernel that cannot be read says why") {
  const KernelImage none{std::filesystem::path()};
  LogReader reader(
      none, [](std::uint64_t, auto) { return true; }, LogLevels::all);
  CHECK_FALSE(reader.take());
  CHECK(reader.why() == "no vmlinux of this kernel is known");
  FakeKernel shapes(KREPRO_SHAPES_ELF);
  LogReader unknown = shapes.reader();
  CHECK_FALSE(unknown.take());
  CHECK(unknown.why() == "its vmlinux describes no log of a known format");
}
