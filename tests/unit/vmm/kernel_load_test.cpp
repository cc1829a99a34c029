#include "vmm/boot/kernel.hpp"

#include <catch2/catch.hpp>

#include "kernel_image.hpp"
#include "vmm/base/files.hpp"

namespace {

using Catch::Contains;
using test::BzImage;
using test::Vmlinux;

constexpr std::uint64_t mib = 1 << 20;

// Kernel files on disk and a guest to load them into.
class Guest {
 public:
  explicit Guest(std::uint64_t memory = 32 * mib) : memory_(memory) {}

  std::filesystem::path put(const std::string& bytes) const {
    base::write_file(dir_.path() / "bzImage", bytes);
    return dir_.path() / "bzImage";
  }
  vmm::LoadedKernel load(const std::string& bytes) const {
    return vmm::load_kernel(put(bytes), memory_);
  }
  std::string at(std::uint64_t address, std::size_t size) const {
    const auto bytes = memory_.at(address, size);
    return {bytes.begin(), bytes.end()};
  }
  const std::filesystem::path& folder() const { return dir_.path(); }
  const vmm::GuestMemory& memory() const { return memory_; }

 private:
  base::TempDir dir_{"/tmp", "krepro-test-"};
  vmm::GuestMemory memory_;
};

// Fits the BzImage's room when it unpacks itself: entered 0x200 behind the start.
void check_entered_packed(const Guest& guest, const vmm::LoadedKernel& kernel) {
  CHECK(kernel.entry == BzImage::address + 0x200);
  CHECK(kernel.end == BzImage::address + mib);
  CHECK(kernel.header);
  CHECK(guest.at(BzImage::address, 4) == "UUUU");
}

} // namespace

TEST_CASE("a vmlinux file is loaded as it is") {
  const Guest guest;
  const vmm::LoadedKernel kernel = guest.load(Vmlinux().bytes());
  CHECK(kernel.entry == Vmlinux::address + 16);
  CHECK(!kernel.header);
  CHECK(guest.at(Vmlinux::address, 10) == "the kernel");
}

TEST_CASE("a bzImage is unpacked and its vmlinux loaded, with the bzImage's header") {
  const Guest guest;
  BzImage image(test::gzip(Vmlinux().bytes()));
  image.header.initrd_addr_max = 0x37ffffff;
  const vmm::LoadedKernel kernel = guest.load(image.bytes());
  CHECK(kernel.entry == Vmlinux::address + 16);
  CHECK(guest.at(Vmlinux::address, 10) == "the kernel");
  REQUIRE(kernel.header);
  CHECK(std::uint32_t{kernel.header->initrd_addr_max} == 0x37ffffff);
  CHECK(vmm::unpack_bzimage(guest.put(image.bytes())) == Vmlinux().bytes());
}

TEST_CASE("only as much of the header is taken as the file has") {
  const Guest guest;
  BzImage image(test::gzip(Vmlinux().bytes()));
  image.header.jump = 0x5eeb; // ends before init_size
  const vmm::LoadedKernel kernel = guest.load(image.bytes());
  REQUIRE(kernel.header);
  CHECK(std::uint32_t{kernel.header->payload_length} == image.payload.size());
  CHECK(std::uint64_t{kernel.header->pref_address} == BzImage::address);
  CHECK(std::uint32_t{kernel.header->init_size} == 0);
}

TEST_CASE("a bzImage whose payload cannot be unpacked is entered as it is") {
  const Guest guest;
  BzImage image(test::gzip(Vmlinux().bytes()));
  SECTION("damaged") { image.payload[image.payload.size() / 2] ^= 0x55; }
  SECTION("of an unknown packing") { image.payload.replace(0, 4, "????"); }
  SECTION("no ELF file in it") { image = BzImage(test::gzip("a kernel that is no ELF file")); }
  SECTION("nothing in it") { image.header.payload_length = 0; }
  SECTION("less than a size in it") { image.header.payload_length = 3; }
  SECTION("before boot protocol 2.08 payload offsets mean nothing, but such have no 64-bit entry") {
    image.header.version = 0x207;
    CHECK_THROWS_WITH(guest.load(image.bytes()), Contains("boot protocol 2.07"));
    return;
  }
  check_entered_packed(guest, guest.load(image.bytes()));
  CHECK(!vmm::unpack_bzimage(guest.put(image.bytes())));
}

TEST_CASE("a bzImage without 64-bit entry that cannot be unpacked is refused") {
  const Guest guest;
  BzImage image("no packing");
  SECTION("32-bit") {
    image.header.xloadflags = 0;
    CHECK_THROWS_WITH(guest.load(image.bytes()), Contains("bzImage: no 64-bit entry"));
  }
  SECTION("before v3.8") {
    image.header.version = 0x20b;
    CHECK_THROWS_WITH(guest.load(image.bytes()), Contains("boot protocol 2.11"));
  }
  CHECK_THROWS_AS(guest.load(image.bytes()), base::UsageError);
}

TEST_CASE("a bzImage that unpacks itself needs its room") {
  const Guest small(16 * mib + mib / 2);
  BzImage image("no packing");
  SECTION("init_size is more than there is") {
    CHECK_THROWS_WITH(small.load(image.bytes()),
                      Contains("up to 17 MiB") && Contains("the guest has 16"));
  }
  SECTION("it would lie on the tables") {
    image.header.pref_address = 0x1000;
    CHECK_THROWS_AS(small.load(image.bytes()), base::UsageError);
  }
  SECTION("it is for an address far away") {
    image.header.pref_address = ~std::uint64_t{0} - 4096;
    CHECK_THROWS_AS(small.load(image.bytes()), base::UsageError);
  }
}

TEST_CASE("a cut bzImage is refused") {
  const Guest guest;
  const BzImage image(test::gzip(Vmlinux().bytes()));
  const std::string bytes = image.bytes();
  CHECK_THROWS_WITH(guest.load(bytes.substr(0, bytes.size() - 513)), Contains("cut"));
  CHECK_THROWS_WITH(guest.load(bytes.substr(0, 1024)), Contains("setup code"));
  CHECK_THROWS_WITH(guest.load(bytes.substr(0, 512)), Contains("not a kernel"));
  CHECK_THROWS_AS(guest.load(bytes.substr(0, 1025)), base::UsageError);
}

TEST_CASE("setup sectors of zero are four") {
  const Guest guest;
  BzImage image(test::gzip(Vmlinux().bytes()));
  image.header.setup_sects = 0;
  std::string bytes = image.bytes();
  bytes.insert(1024, std::string(3 * 512, '\0'));
  CHECK(guest.load(bytes).entry == Vmlinux::address + 16);
}

TEST_CASE("a zImage is refused") {
  const Guest guest;
  BzImage image(test::gzip(Vmlinux().bytes()));
  image.header.loadflags = 0;
  CHECK_THROWS_WITH(guest.load(image.bytes()), Contains("zImage"));
  CHECK_THROWS_AS(vmm::unpack_bzimage(guest.put(image.bytes())), base::UsageError);
}

TEST_CASE("files that are no kernels are refused by name") {
  const Guest guest;
  for (const std::string& bytes :
       {std::string(), std::string("MZ"), std::string(4096, 'x'), std::string(4096, '\0')}) {
    CHECK_THROWS_AS(guest.load(bytes), base::UsageError);
    CHECK_THROWS_WITH(guest.load(bytes), Contains("bzImage: not a kernel"));
  }
  CHECK_THROWS_AS(vmm::unpack_bzimage(guest.put("")), base::UsageError);
}

TEST_CASE("a file that is not there, or no file, is the system's error") {
  const Guest guest;
  CHECK_THROWS_AS(vmm::load_kernel("/nonexistent/bzImage", guest.memory()), base::SysError);
  CHECK_THROWS_AS(vmm::load_kernel(guest.folder(), guest.memory()), base::SysError);
  CHECK_THROWS_AS(vmm::unpack_bzimage("/nonexistent/bzImage"), base::SysError);
}
