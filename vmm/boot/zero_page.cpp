#include "vmm/boot/zero_page.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "vmm/base/error.hpp"
#include "vmm/boot/layout.hpp"

namespace vmm {

namespace {

constexpr std::uint64_t page = 4096;
constexpr std::uint64_t default_initrd_max = 0x7fffffff; // of kernels that do not say
constexpr std::uint32_t e820_ram = 1;
constexpr std::uint32_t e820_reserved = 2;

struct setup_header default_header() {
  struct setup_header header {};
  header.setup_sects = 4;
  header.boot_flag = 0xaa55;
  header.header = 0x53726448; // "HdrS"
  header.version = 0x20f;
  header.kernel_alignment = 0x200000; // a kernel divides by it
  header.initrd_addr_max = static_cast<std::uint32_t>(default_initrd_max);
  header.cmdline_size = command_line_limit - 1;
  return header;
}

void add_e820(struct boot_params& params, std::uint64_t start, std::uint64_t end,
              std::uint32_t type) {
  if (end <= start)
    return;
  struct boot_e820_entry entry {};
  entry.addr = start;
  entry.size = end - start;
  entry.type = type;
  params.e820_table[params.e820_entries++] = entry;
}

void write_memory_map(struct boot_params& params, const GuestMemory& memory) {
  const GuestMemory::Region high = memory.high();
  add_e820(params, 0, low_ram_end, e820_ram);
  add_e820(params, low_ram_end, high_ram_start, e820_reserved);
  add_e820(params, high_ram_start, memory.low().host.size(), e820_ram);
  add_e820(params, high.address, high.address + high.host.size(), e820_ram);
}

} // namespace

Initrd place_initrd(std::uint64_t size, const LoadedKernel& kernel, const GuestMemory& memory) {
  if (size == 0)
    return {};
  const std::uint64_t stated = kernel.header ? kernel.header->initrd_addr_max : 0;
  const std::uint64_t highest = stated != 0 ? stated : default_initrd_max;
  const std::uint64_t limit = std::min<std::uint64_t>(memory.low().host.size(), highest + 1);
  const std::uint64_t start = kernel.end <= limit ? (kernel.end + page - 1) / page * page : limit;
  if (size > limit - std::min(start, limit))
    throw base::UsageError(fmt::format(
        "the initramfs of {} MiB does not fit above the kernel, which ends at {} MiB, in "
        "the guest's {} MiB; give it more memory",
        (size + 0xfffff) >> 20, kernel.end >> 20, memory.size() >> 20));
  return {(limit - size) / page * page, size};
}

void write_boot_params(const GuestMemory& memory, const LoadedKernel& kernel, const Initrd& initrd,
                       std::string_view command_line, std::string_view entropy) {
  if (command_line.size() >= command_line_limit)
    throw base::UsageError(fmt::format("the kernel command line has {} bytes; expected at most {}",
                                       command_line.size(), command_line_limit - 1));
  struct boot_params params {};
  params.hdr = kernel.header.value_or(default_header());
  params.hdr.type_of_loader = 0xff; // no number of its own
  params.hdr.loadflags |= LOADED_HIGH;
  params.hdr.cmd_line_ptr = static_cast<std::uint32_t>(command_line_address);
  params.hdr.ramdisk_image = static_cast<std::uint32_t>(initrd.address);
  params.hdr.ramdisk_size = static_cast<std::uint32_t>(initrd.size);
  params.acpi_rsdp_addr = acpi_address;
  write_memory_map(params, memory);
  memory.write(command_line_address, command_line);
  if (!entropy.empty()) {
    struct setup_data data {};
    data.type = SETUP_RNG_SEED;
    data.len = static_cast<std::uint32_t>(entropy.size());
    memory.put(setup_data_address, data);
    memory.write(setup_data_address + sizeof data, entropy);
    params.hdr.setup_data = setup_data_address;
  }
  memory.put(zero_page_address, params);
}

} // namespace vmm
