#include <array>
#include <cstdint>

#include <catch2/catch.hpp>

#include "harness/inspect/kernel_image.hpp"

using namespace harness;

namespace {

const KernelImage& shapes() {
  static const KernelImage image(KREPRO_SHAPES_ELF);
  return image;
}

Member of(std::string_view type, std::string_view path) {
  const std::optional<Member> member = shapes().member(type, path);
  INFO(type << "." << path);
  REQUIRE(member);
  return *member;
}

} // namespace

TEST_CASE("members of a structure, nested and looked through") {
  REQUIRE(shapes().why() == "");
  CHECK(shapes().size_of("struct inner") == 32);
  CHECK(of("inner", "name").size == 16);
  CHECK(of("inner", "name").count == 16);
  CHECK(of("inner", "deep").offset == 16);
  CHECK(of("inner", "looked_through").offset == 24);
  CHECK(of("inner", "looked_through").size == 4);
  const std::size_t one = of("outer", "one").offset;
  CHECK(of("struct outer", "one.wide").offset == one + 24);
  CHECK(of("outer", "one.wide").size == 8);
  CHECK(of("outer", "many").count == 3);
  CHECK(of("outer", "many").size == 96);
  CHECK(of("outer", "many.deep").offset == of("outer", "many").offset + 16);
  CHECK(of("outer", "count.counter").offset == of("outer", "count").offset);
  CHECK(of("outer", "named.right").offset == of("outer", "named").offset);
  CHECK(of("outer", "table").count == 8);
  CHECK(of("outer", "tail").count == 0);
}

TEST_CASE("bitfields, as numbers") {
  const Member level = of("outer", "level");
  CHECK(level.offset == 0);
  CHECK(level.bits == 3);
  CHECK(level.bit_offset == 5);
  const Member high = of("outer", "high");
  CHECK(high.offset == 10);
  CHECK(high.bit_offset == 4);
  CHECK(high.bits == 44);
  std::array<std::uint8_t, 16> bytes{0xb7};
  bytes[10] = 0x5f;
  bytes[15] = 0x80;
  CHECK(number_in(bytes, level) == 5);
  CHECK(number_in(bytes, of("outer", "flags")) == 0x17);
  CHECK(number_in(bytes, high) == 0x80000000005);
  CHECK(number_in(bytes, Member{16, 1}) == 0);
  CHECK(number_in(bytes, Member{15, 2}) == 0);
  CHECK(number_in(bytes, Member{0, 16}) == 0);
}

TEST_CASE("what a kernel does not have is nothing") {
  CHECK_FALSE(shapes().member("outer", "missing"));
  CHECK_FALSE(shapes().member("outer", "one.missing"));
  CHECK_FALSE(shapes().member("outer", "paint.missing"));
  CHECK_FALSE(shapes().member("outer", "elsewhere.field"));
  CHECK_FALSE(shapes().member("outer", ""));
  CHECK_FALSE(shapes().member("outer", "one."));
  CHECK_FALSE(shapes().member("outer", "."));
  CHECK_FALSE(shapes().member("no_such_structure", "x"));
  CHECK_FALSE(shapes().member("no", "x"));
  CHECK_FALSE(shapes().size_of("declared_only"));
  CHECK_FALSE(shapes().symbol("no_such_symbol"));
}

TEST_CASE("enumerators and typedefs") {
  CHECK(shapes().enumerator("RED") == -3);
  CHECK(shapes().enumerator("GREEN") == 70000);
  CHECK_FALSE(shapes().enumerator("BLUE"));
  CHECK(shapes().size_of("counter_t") == 8);
  CHECK(shapes().member("counter_t", "counter"));
}

TEST_CASE("a kernel without a usable file says why") {
  const KernelImage none{std::filesystem::path()};
  CHECK(none.why() == "no vmlinux of this kernel is known");
  CHECK_FALSE(none.member("task_struct", "comm"));
  CHECK_FALSE(none.symbol("init_top_pgt"));
  const KernelImage text(__FILE__);
  CHECK(text.why().find("not an ELF file") != std::string::npos);
  CHECK_FALSE(text.physical(0xffffffff81000000));
}
