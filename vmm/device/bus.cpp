#include "vmm/device/bus.hpp"

#include "vmm/base/error.hpp"

namespace vmm {

void Bus::attach(const std::string& name, std::uint16_t first_port, std::uint16_t ports,
                 Device& device) {
  for (std::uint16_t i = 0; i < ports; ++i)
    ASSERT(slot_of(std::uint32_t{first_port} + i) == nullptr);
  slots_.push_back({name, first_port, ports, &device, 0});
}

Bus::Slot* Bus::slot_of(std::uint32_t port) {
  for (Slot& slot : slots_)
    if (port >= slot.first && port - slot.first < slot.ports)
      return &slot;
  return nullptr;
}

// A wide access is one of bytes at ports that follow each other; each finds its own device.
void Bus::read(std::uint16_t port, std::uint8_t size, std::span<std::uint8_t> data) {
  const std::lock_guard lock(mutex_);
  Slot* const first = slot_of(port);
  ++(first != nullptr ? first->accesses : unclaimed_);
  for (std::size_t i = 0; i < data.size(); ++i) {
    const std::uint32_t at = port + static_cast<std::uint32_t>(i % size);
    Slot* const slot = size == 1 ? first : slot_of(at);
    data[i] = slot != nullptr ? slot->device->read(static_cast<std::uint16_t>(at - slot->first))
                              : std::uint8_t{0xff};
  }
}

void Bus::write(std::uint16_t port, std::uint8_t size, std::span<const std::uint8_t> data) {
  const std::lock_guard lock(mutex_);
  Slot* const first = slot_of(port);
  ++(first != nullptr ? first->accesses : unclaimed_);
  for (std::size_t i = 0; i < data.size(); ++i) {
    const std::uint32_t at = port + static_cast<std::uint32_t>(i % size);
    Slot* const slot = size == 1 ? first : slot_of(at);
    if (slot != nullptr)
      slot->device->write(static_cast<std::uint16_t>(at - slot->first), data[i]);
  }
}

std::map<std::string, std::uint64_t> Bus::accesses() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::uint64_t> all;
  for (const Slot& slot : slots_)
    all[slot.name] += slot.accesses;
  all["none"] = unclaimed_;
  return all;
}

} // namespace vmm
