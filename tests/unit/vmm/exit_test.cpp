#include "vmm/kvm/exit.hpp"

#include <vector>

#include <catch2/catch.hpp>

namespace {

using vmm::ExitKind;

// A vCPU's shared pages: struct kvm_run, then a page of data.
class RunPages {
 public:
  struct kvm_run& run() {
    return *reinterpret_cast<struct kvm_run*>(pages_.data());
  }
  std::uint8_t* data() { return reinterpret_cast<std::uint8_t*>(pages_.data()) + data_offset; }
  std::size_t size() const { return pages_.size() * sizeof pages_[0]; }
  vmm::Exit decode() { return vmm::decode_exit(run(), size()); }

  void set_io(std::uint8_t direction, std::uint8_t width, std::uint32_t count) {
    run().exit_reason = KVM_EXIT_IO;
    run().io.direction = direction;
    run().io.size = width;
    run().io.port = 0x3f8;
    run().io.count = count;
    run().io.data_offset = data_offset;
  }

  static constexpr std::size_t data_offset = 4096;

 private:
  std::vector<std::uint64_t> pages_ = std::vector<std::uint64_t>(1024);
};

} // namespace

TEST_CASE("a port read names port, width and where its data goes") {
  RunPages pages;
  pages.set_io(KVM_EXIT_IO_IN, 2, 1);
  const vmm::Exit exit = pages.decode();
  CHECK(exit.kind == ExitKind::in);
  CHECK(exit.port == 0x3f8);
  CHECK(exit.size == 2);
  REQUIRE(exit.data.size() == 2);
  exit.data[1] = 0x5a;
  CHECK(pages.data()[1] == 0x5a);
}

TEST_CASE("a string write has all its bytes") {
  RunPages pages;
  pages.set_io(KVM_EXIT_IO_OUT, 4, 3);
  pages.data()[11] = 0xee;
  const vmm::Exit exit = pages.decode();
  CHECK(exit.kind == ExitKind::out);
  CHECK(exit.size == 4);
  REQUIRE(exit.data.size() == 12);
  CHECK(exit.data[11] == 0xee);
}

TEST_CASE("port data outside the pages is a failure") {
  RunPages pages;
  SECTION("data that ends at the last byte is inside") {
    pages.set_io(KVM_EXIT_IO_OUT, 1, 4096);
    CHECK(pages.decode().kind == ExitKind::out);
    return;
  }
  SECTION("one byte too many") { pages.set_io(KVM_EXIT_IO_OUT, 1, 4097); }
  SECTION("a product of more than 32 bits") { pages.set_io(KVM_EXIT_IO_OUT, 4, 0x40000000); }
  SECTION("an offset behind the pages") {
    pages.set_io(KVM_EXIT_IO_IN, 1, 1);
    pages.run().io.data_offset = pages.size() + 1;
  }
  SECTION("an offset that would wrap") {
    pages.set_io(KVM_EXIT_IO_IN, 1, 1);
    pages.run().io.data_offset = ~std::uint64_t{0};
  }
  const vmm::Exit exit = pages.decode();
  CHECK(exit.kind == ExitKind::failed);
  CHECK(exit.data.empty());
  CHECK_THAT(exit.detail, Catch::Contains("outside"));
}

TEST_CASE("an access to an address that is no memory") {
  RunPages pages;
  pages.run().exit_reason = KVM_EXIT_MMIO;
  pages.run().mmio.phys_addr = 0xfed00000;
  pages.run().mmio.len = 4;
  pages.run().mmio.data[0] = 0x12;
  SECTION("read") {
    const vmm::Exit exit = pages.decode();
    CHECK(exit.kind == ExitKind::mmio_read);
    CHECK(exit.address == 0xfed00000);
    REQUIRE(exit.data.size() == 4);
    exit.data[3] = 0xff;
    CHECK(pages.run().mmio.data[3] == 0xff);
  }
  SECTION("write") {
    pages.run().mmio.is_write = 1;
    const vmm::Exit exit = pages.decode();
    CHECK(exit.kind == ExitKind::mmio_write);
    CHECK(exit.data[0] == 0x12);
  }
  SECTION("longer than its data") {
    pages.run().mmio.len = 9;
    CHECK(pages.decode().kind == ExitKind::failed);
    CHECK_THAT(pages.decode().detail, Catch::Contains("9 bytes"));
  }
}

TEST_CASE("exits without data") {
  RunPages pages;
  pages.run().exit_reason = KVM_EXIT_SHUTDOWN;
  CHECK(pages.decode().kind == ExitKind::shutdown);
  pages.run().exit_reason = KVM_EXIT_HLT;
  CHECK(pages.decode().kind == ExitKind::halt);
  pages.run().exit_reason = KVM_EXIT_INTR;
  CHECK(pages.decode().kind == ExitKind::interrupted);
}

TEST_CASE("where KVM cannot go on it says why, in one line") {
  RunPages pages;
  SECTION("internal error") {
    pages.run().exit_reason = KVM_EXIT_INTERNAL_ERROR;
    pages.run().internal.suberror = 1;
    CHECK(pages.decode().detail == "KVM_EXIT_INTERNAL_ERROR, suberror 1");
  }
  SECTION("entry refused") {
    pages.run().exit_reason = KVM_EXIT_FAIL_ENTRY;
    pages.run().fail_entry.hardware_entry_failure_reason = 0x80000021;
    CHECK(pages.decode().detail == "KVM_EXIT_FAIL_ENTRY 0x80000021");
  }
  SECTION("a reason nobody knows") {
    pages.run().exit_reason = 4711;
    CHECK(pages.decode().detail == "KVM exit 4711");
  }
  CHECK(pages.decode().kind == ExitKind::failed);
}
