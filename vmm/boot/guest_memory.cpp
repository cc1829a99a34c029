#include "vmm/boot/guest_memory.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "vmm/base/error.hpp"

namespace vmm {

namespace {

constexpr std::uint64_t page = 4096;

} // namespace

GuestMemory::GuestMemory(std::uint64_t size)
    : mapping_(base::Mapping::anonymous((size + page - 1) / page * page, "guest memory")) {}

GuestMemory::Region GuestMemory::low() const {
  return {0, {mapping_.data(), std::min<std::uint64_t>(mapping_.size(), memory_hole)}};
}

GuestMemory::Region GuestMemory::high() const {
  const std::uint64_t below = low().host.size();
  return {memory_above_hole, {mapping_.data() + below, mapping_.size() - below}};
}

std::span<std::uint8_t> GuestMemory::find(std::uint64_t address, std::uint64_t length) const {
  for (const Region& region : {low(), high()})
    if (address >= region.address && address - region.address <= region.host.size() &&
        length <= region.host.size() - (address - region.address))
      return region.host.subspan(address - region.address, length);
  return {};
}

std::span<std::uint8_t> GuestMemory::at(std::uint64_t address, std::uint64_t length) const {
  const std::span<std::uint8_t> found = find(address, length);
  if (found.data() != nullptr)
    return found;
  throw base::Error(fmt::format("guest-physical {:#x}, {} bytes, is outside the guest's {} MiB",
                                address, length, size() >> 20));
}

void GuestMemory::write(std::uint64_t address, std::string_view bytes) const {
  const std::span<std::uint8_t> to = at(address, bytes.size());
  std::copy(bytes.begin(), bytes.end(), to.begin());
}

} // namespace vmm
