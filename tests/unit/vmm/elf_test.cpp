#include "vmm/boot/elf.hpp"

#include <cstring>

#include <catch2/catch.hpp>

#include "kernel_image.hpp"

namespace {

using Catch::Contains;
using test::Vmlinux;

constexpr std::uint64_t mib = 1 << 20;

class Loader {
 public:
  explicit Loader(std::uint64_t memory) : memory_(memory) {}

  vmm::LoadedKernel load(const std::string& bytes) const {
    const vmm::ReadAt read_at = [&bytes](std::uint64_t offset, std::span<std::uint8_t> to) {
      REQUIRE(offset <= bytes.size());
      REQUIRE(to.size() <= bytes.size() - offset);
      std::memcpy(to.data(), bytes.data() + offset, to.size());
    };
    return vmm::load_elf(read_at, bytes.size(), memory_, "vmlinux");
  }

  std::string at(std::uint64_t address, std::size_t size) const {
    const auto bytes = memory_.at(address, size);
    return {bytes.begin(), bytes.end()};
  }

 private:
  vmm::GuestMemory memory_;
};

} // namespace

TEST_CASE("ELF is known by its first four bytes") {
  CHECK(vmm::is_elf(Vmlinux().bytes()));
  CHECK(vmm::is_elf("\x7f"
                    "ELF"));
  CHECK(!vmm::is_elf("\x7f"
                     "EL"));
  CHECK(!vmm::is_elf(""));
  CHECK(!vmm::is_elf("MZ.."));
}

TEST_CASE("a vmlinux is loaded at its physical address and entered where it says") {
  const Loader loader(32 * mib);
  const Vmlinux vmlinux;
  const vmm::LoadedKernel kernel = loader.load(vmlinux.bytes());
  CHECK(kernel.entry == Vmlinux::address + 16);
  CHECK(kernel.end == Vmlinux::address + vmlinux.text.size() + 8192);
  CHECK(!kernel.header);
  CHECK(loader.at(Vmlinux::address, vmlinux.text.size()) == vmlinux.text);
  CHECK(loader.at(Vmlinux::address + vmlinux.text.size(), 8192) == std::string(8192, '\0'));
}

TEST_CASE("segments that are not loaded are not looked at") {
  Vmlinux vmlinux;
  Elf64_Phdr note = vmlinux.segment;
  note.p_type = PT_NOTE;
  note.p_offset = ~std::uint64_t{0};
  Elf64_Phdr empty = vmlinux.segment;
  empty.p_paddr = 0;
  empty.p_filesz = empty.p_memsz = 0;
  vmlinux.header.e_phnum = 3;
  vmlinux.segment.p_offset += 2 * sizeof note;
  std::string bytes;
  test::append(bytes, vmlinux.header);
  test::append(bytes, note);
  test::append(bytes, empty);
  test::append(bytes, vmlinux.segment);
  const Loader loader(32 * mib);
  CHECK(loader.load(bytes + vmlinux.text).entry == Vmlinux::address + 16);
  CHECK(loader.at(Vmlinux::address, 3) == "the");
}

TEST_CASE("a cut ELF file is refused") {
  const Loader loader(32 * mib);
  const std::string bytes = Vmlinux().bytes();
  CHECK_THROWS_AS(loader.load(""), base::UsageError);
  CHECK_THROWS_WITH(loader.load(bytes.substr(0, 63)), Contains("vmlinux: cut"));
  CHECK_THROWS_WITH(loader.load(bytes.substr(0, 64)), Contains("program headers"));
  CHECK_THROWS_WITH(loader.load(bytes.substr(0, 119)), Contains("program headers"));
  CHECK_THROWS_WITH(loader.load(bytes.substr(0, bytes.size() - 1)), Contains("segment"));
}

TEST_CASE("an ELF file for another machine, or that is no program, is refused") {
  const Loader loader(32 * mib);
  Vmlinux vmlinux;
  SECTION("32-bit") {
    vmlinux.header.e_ident[EI_CLASS] = ELFCLASS32;
    CHECK_THROWS_WITH(loader.load(vmlinux.bytes()), Contains("another machine (class 1"));
  }
  SECTION("arm64") {
    vmlinux.header.e_machine = EM_AARCH64;
    CHECK_THROWS_WITH(loader.load(vmlinux.bytes()), Contains("machine 183"));
  }
  SECTION("a module") {
    vmlinux.header.e_type = ET_REL;
    CHECK_THROWS_WITH(loader.load(vmlinux.bytes()), Contains("object"));
  }
  CHECK_THROWS_AS(loader.load(vmlinux.bytes()), base::UsageError);
}

TEST_CASE("program headers outside the file are refused") {
  const Loader loader(32 * mib);
  Vmlinux vmlinux;
  SECTION("none") { vmlinux.header.e_phnum = 0; }
  SECTION("too many") { vmlinux.header.e_phnum = 0xffff; }
  SECTION("of another size") { vmlinux.header.e_phentsize = 32; }
  SECTION("far away") { vmlinux.header.e_phoff = ~std::uint64_t{0} - 8; }
  CHECK_THROWS_WITH(loader.load(vmlinux.bytes()), Contains("program headers"));
}

TEST_CASE("a segment outside the file is refused") {
  const Loader loader(32 * mib);
  Vmlinux vmlinux;
  SECTION("it starts behind the end") { vmlinux.segment.p_offset = 1 << 20; }
  SECTION("it ends behind the end") { ++vmlinux.segment.p_offset; }
  SECTION("offset and size overflow") { vmlinux.segment.p_offset = ~std::uint64_t{0} - 8; }
  SECTION("more of the file than of memory") { vmlinux.segment.p_memsz = 8; }
  CHECK_THROWS_WITH(loader.load(vmlinux.bytes()), Contains("segment lies outside the file"));
}

TEST_CASE("a segment that does not fit into the guest is refused") {
  Vmlinux vmlinux;
  const Loader loader(16 * mib);
  SECTION("the guest ends where it starts") {
    CHECK_THROWS_WITH(loader.load(vmlinux.bytes()),
                      Contains("up to 17 MiB") && Contains("the guest has 16"));
  }
  SECTION("its zeroed part is too long") {
    vmlinux.segment.p_paddr = 8 * mib;
    vmlinux.segment.p_memsz = 9 * mib;
    CHECK_THROWS_WITH(loader.load(vmlinux.bytes()), Contains("more memory"));
  }
  SECTION("address and size overflow") {
    vmlinux.segment.p_memsz = ~std::uint64_t{0} - 8 * mib;
    CHECK_THROWS_WITH(loader.load(vmlinux.bytes()), Contains("more memory"));
  }
  SECTION("below 1 MiB, where the tables are") {
    vmlinux.segment.p_paddr = mib - 1;
    CHECK_THROWS_WITH(loader.load(vmlinux.bytes()), Contains("0xfffff"));
  }
  CHECK_THROWS_AS(loader.load(vmlinux.bytes()), base::UsageError);
}

TEST_CASE("an entry outside the loaded bytes is refused") {
  const Loader loader(32 * mib);
  Vmlinux vmlinux;
  SECTION("a virtual address") { vmlinux.header.e_entry = 0xffffffff81000000; }
  SECTION("in the zeroed part") { vmlinux.header.e_entry += 4096; }
  SECTION("nothing is loaded") { vmlinux.segment.p_type = PT_NOTE; }
  CHECK_THROWS_WITH(loader.load(vmlinux.bytes()), Contains("entry"));
  CHECK_THROWS_AS(loader.load(vmlinux.bytes()), base::UsageError);
}
