#include "harness/backend/kvm_snapshot.hpp"

#include "vmm/base/error.hpp"
#include "vmm/base/log.hpp"

namespace harness {

namespace {

constexpr std::size_t most_spares = 16;

} // namespace

std::unique_ptr<vmm::Machine> KvmSnapshot::take() const {
  {
    const std::lock_guard lock(mutex_);
    if (!spares_.empty()) {
      std::unique_ptr<vmm::Machine> machine = std::move(spares_.back());
      spares_.pop_back();
      return machine;
    }
  }
  return std::make_unique<vmm::Machine>(state_);
}

void KvmSnapshot::give_back(std::unique_ptr<vmm::Machine> machine) const {
  try {
    machine->rewind();
  } catch (const base::Error& error) {
    base::log("backend", base::LogLevel::debug, "a clone is not put back: {}", error.what());
    return;
  }
  const std::lock_guard lock(mutex_);
  if (spares_.size() < most_spares)
    spares_.push_back(std::move(machine));
}

} // namespace harness
