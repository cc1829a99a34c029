// A guest at one moment: what machines start from in place of a boot.
#pragma once

#include <vector>

#include "vmm/boot/memory_image.hpp"
#include "vmm/device/clock.hpp"
#include "vmm/device/control.hpp"
#include "vmm/device/uart.hpp"
#include "vmm/kvm/state.hpp"

namespace vmm {

struct DeviceStates {
  Uart::State console;
  Uart::State channel;
  Clock::State clock;
  PowerControl::State power;
};

struct Snapshot {
  MemoryImage memory;
  VmState vm;
  std::vector<VcpuState> cpus; // at least one
  DeviceStates devices;
};

} // namespace vmm
