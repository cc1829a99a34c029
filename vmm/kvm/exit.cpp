#include "vmm/kvm/exit.hpp"

#include <fmt/format.h>

namespace vmm {

namespace {

Exit failure(std::string detail) {
  Exit exit;
  exit.detail = std::move(detail);
  return exit;
}

Exit decode_io(struct kvm_run& run, std::size_t size) {
  const std::uint64_t length = std::uint64_t{run.io.size} * run.io.count;
  if (run.io.data_offset > size || length > size - run.io.data_offset)
    return failure(fmt::format("KVM_EXIT_IO with data outside its page: {} bytes at {:#x}", length,
                               std::uint64_t{run.io.data_offset}));
  Exit exit;
  exit.kind = run.io.direction == KVM_EXIT_IO_IN ? ExitKind::in : ExitKind::out;
  exit.port = run.io.port;
  exit.size = run.io.size;
  exit.data = {reinterpret_cast<std::uint8_t*>(&run) + run.io.data_offset, length};
  return exit;
}

Exit decode_mmio(struct kvm_run& run) {
  if (run.mmio.len > sizeof run.mmio.data)
    return failure(fmt::format("KVM_EXIT_MMIO of {} bytes", std::uint32_t{run.mmio.len}));
  Exit exit;
  exit.kind = run.mmio.is_write != 0 ? ExitKind::mmio_write : ExitKind::mmio_read;
  exit.address = run.mmio.phys_addr;
  exit.data = {static_cast<std::uint8_t*>(run.mmio.data), run.mmio.len};
  return exit;
}

} // namespace

Exit decode_exit(struct kvm_run& run, std::size_t size) {
  Exit exit;
  switch (run.exit_reason) {
  case KVM_EXIT_IO:
    return decode_io(run, size);
  case KVM_EXIT_MMIO:
    return decode_mmio(run);
  case KVM_EXIT_HLT:
    exit.kind = ExitKind::halt;
    return exit;
  case KVM_EXIT_SHUTDOWN:
    exit.kind = ExitKind::shutdown;
    return exit;
  case KVM_EXIT_INTR:
    exit.kind = ExitKind::interrupted;
    return exit;
  case KVM_EXIT_INTERNAL_ERROR:
    return failure(
        fmt::format("KVM_EXIT_INTERNAL_ERROR, suberror {}", std::uint32_t{run.internal.suberror}));
  case KVM_EXIT_FAIL_ENTRY:
    return failure(fmt::format("KVM_EXIT_FAIL_ENTRY {:#x}",
                               std::uint64_t{run.fail_entry.hardware_entry_failure_reason}));
  default:
    return failure(fmt::format("KVM exit {}", run.exit_reason));
  }
}

} // namespace vmm
