#include "vmm/boot/zero_page.hpp"

#include <cstring>
#include <vector>

#include <catch2/catch.hpp>

#include "vmm/base/error.hpp"
#include "vmm/boot/layout.hpp"

namespace {

using Catch::Contains;

constexpr std::uint64_t mib = 1 << 20;
constexpr std::uint64_t gib = 1ULL << 30;

template<class T> T get(const vmm::GuestMemory& memory, std::uint64_t address) {
  T value;
  std::memcpy(&value, memory.at(address, sizeof value).data(), sizeof value);
  return value;
}

std::string text(const vmm::GuestMemory& memory, std::uint64_t address, std::size_t size) {
  const auto bytes = memory.at(address, size);
  return {bytes.begin(), bytes.end()};
}

struct boot_params written(const vmm::GuestMemory& memory, const vmm::LoadedKernel& kernel = {},
                           const vmm::Initrd& initrd = {}, std::string_view entropy = "") {
  vmm::write_boot_params(memory, kernel, initrd, "console=ttyS0", entropy);
  return get<struct boot_params>(memory, vmm::zero_page_address);
}

struct Range {
  std::uint64_t start;
  std::uint64_t end;
  std::uint32_t type;
  bool operator==(const Range&) const = default;
};

std::vector<Range> memory_map(const struct boot_params& params) {
  std::vector<Range> map;
  for (unsigned i = 0; i < params.e820_entries; ++i) {
    const struct boot_e820_entry e = params.e820_table[i];
    map.push_back({e.addr, e.addr + e.size, e.type});
  }
  return map;
}

vmm::LoadedKernel kernel_to(std::uint64_t end) {
  vmm::LoadedKernel kernel;
  kernel.end = end;
  return kernel;
}

vmm::LoadedKernel kernel_to(std::uint64_t end, std::uint32_t initrd_max) {
  vmm::LoadedKernel kernel = kernel_to(end);
  kernel.header.emplace();
  kernel.header->initrd_addr_max = initrd_max;
  return kernel;
}

} // namespace

TEST_CASE("a kernel is told who loaded it, and where its command line and ACPI are") {
  const vmm::GuestMemory memory(32 * mib);
  const struct boot_params params = written(memory);
  CHECK(std::uint32_t{params.hdr.header} == 0x53726448);
  CHECK(std::uint16_t{params.hdr.boot_flag} == 0xaa55);
  CHECK(unsigned{params.hdr.type_of_loader} == 0xff);
  CHECK((params.hdr.loadflags & LOADED_HIGH) != 0);
  CHECK(std::uint32_t{params.hdr.kernel_alignment} != 0);
  CHECK(std::uint32_t{params.hdr.cmd_line_ptr} == vmm::command_line_address);
  CHECK(std::uint64_t{params.acpi_rsdp_addr} == vmm::acpi_address);
  CHECK(std::uint32_t{params.hdr.ramdisk_size} == 0);
  CHECK(std::uint64_t{params.hdr.setup_data} == 0);
  CHECK(text(memory, vmm::command_line_address, 14) == std::string("console=ttyS0\0", 14));
}

TEST_CASE("a bzImage's own header is kept") {
  const vmm::GuestMemory memory(32 * mib);
  const struct boot_params params = written(memory, kernel_to(20 * mib, 0x37ffffff));
  CHECK(std::uint32_t{params.hdr.initrd_addr_max} == 0x37ffffff);
  CHECK(std::uint32_t{params.hdr.cmd_line_ptr} == vmm::command_line_address);
  CHECK((params.hdr.loadflags & LOADED_HIGH) != 0);
}

TEST_CASE("the memory map has the guest's memory and the hole for firmware") {
  const vmm::GuestMemory memory(32 * mib);
  CHECK(memory_map(written(memory)) == std::vector<Range>{{0, vmm::low_ram_end, 1},
                                                          {vmm::low_ram_end, mib, 2},
                                                          {mib, 32 * mib, 1}});
}

TEST_CASE("memory above the hole is in the map") {
  const vmm::GuestMemory memory(5 * gib);
  const std::vector<Range> map = memory_map(written(memory));
  REQUIRE(map.size() == 4);
  CHECK(map[2] == Range{mib, 3 * gib, 1});
  CHECK(map[3] == Range{4 * gib, 6 * gib, 1});
}

TEST_CASE("the initramfs is as high as the kernel takes it, page-aligned") {
  const vmm::GuestMemory memory(64 * mib);
  SECTION("up to the end of memory") {
    const vmm::Initrd initrd = vmm::place_initrd(mib + 1, kernel_to(20 * mib), memory);
    CHECK(initrd.address == 63 * mib - 4096);
    CHECK(initrd.size == mib + 1);
  }
  SECTION("up to the address that the kernel states") {
    CHECK(vmm::place_initrd(mib, kernel_to(20 * mib, 48 * mib - 1), memory).address == 47 * mib);
  }
  SECTION("a header that states none") {
    CHECK(vmm::place_initrd(mib, kernel_to(20 * mib, 0), memory).address == 63 * mib);
  }
  SECTION("a header that takes all of 4 GiB") {
    CHECK(vmm::place_initrd(mib, kernel_to(20 * mib, 0xffffffff), memory).address == 63 * mib);
  }
  SECTION("none") {
    const vmm::Initrd none = vmm::place_initrd(0, kernel_to(20 * mib), memory);
    CHECK(none.size == 0);
    CHECK(none.address == 0);
  }
}

TEST_CASE("a kernel that states nothing gets its initramfs below 2 GiB") {
  const vmm::GuestMemory memory(5 * gib);
  CHECK(vmm::place_initrd(mib, kernel_to(20 * mib), memory).address == 2 * gib - mib);
  CHECK(vmm::place_initrd(mib, kernel_to(20 * mib, 0xffffffff), memory).address == 3 * gib - mib);
}

TEST_CASE("an initramfs fills the room above the kernel, and not a byte more") {
  const vmm::GuestMemory memory(64 * mib);
  const vmm::LoadedKernel kernel = kernel_to(20 * mib + 1);
  CHECK(vmm::place_initrd(44 * mib - 4096, kernel, memory).address == 20 * mib + 4096);
  CHECK_THROWS_AS(vmm::place_initrd(44 * mib - 4095, kernel, memory), base::UsageError);
  CHECK_THROWS_WITH(vmm::place_initrd(50 * mib, kernel, memory),
                    Contains("50 MiB") && Contains("64 MiB") && Contains("more memory"));
  CHECK_THROWS_AS(vmm::place_initrd(~std::uint64_t{0} - 4096, kernel, memory), base::UsageError);
  CHECK_THROWS_AS(vmm::place_initrd(1, kernel_to(64 * mib), memory), base::UsageError);
  CHECK_THROWS_AS(vmm::place_initrd(1, kernel_to(20 * mib, 16 * mib - 1), memory),
                  base::UsageError);
}

TEST_CASE("the kernel is told where its initramfs is") {
  const vmm::GuestMemory memory(32 * mib);
  const struct boot_params params = written(memory, {}, {24 * mib, 12345});
  CHECK(std::uint32_t{params.hdr.ramdisk_image} == 24 * mib);
  CHECK(std::uint32_t{params.hdr.ramdisk_size} == 12345);
}

TEST_CASE("a command line has at most 2047 bytes") {
  const vmm::GuestMemory memory(32 * mib);
  vmm::write_boot_params(memory, {}, {}, std::string(2047, 'a'), "");
  CHECK(text(memory, vmm::command_line_address + 2046, 2) == std::string("a\0", 2));
  CHECK_THROWS_AS(vmm::write_boot_params(memory, {}, {}, std::string(2048, 'a'), ""),
                  base::UsageError);
  CHECK_THROWS_WITH(vmm::write_boot_params(memory, {}, {}, std::string(2048, 'a'), ""),
                    Contains("2048 bytes; expected at most 2047"));
}

TEST_CASE("entropy goes into the setup data, the last of it") {
  const vmm::GuestMemory memory(32 * mib);
  const struct boot_params params = written(memory, {}, {}, std::string(64, 'e'));
  CHECK(std::uint64_t{params.hdr.setup_data} == vmm::setup_data_address);
  const auto data = get<struct setup_data>(memory, vmm::setup_data_address);
  CHECK(data.next == 0);
  CHECK(data.type == SETUP_RNG_SEED);
  CHECK(data.len == 64);
  CHECK(text(memory, vmm::setup_data_address + 16, 65) == std::string(64, 'e') + '\0');
  CHECK(text(memory, vmm::command_line_address, 7) == "console");
}
