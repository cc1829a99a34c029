// A snapshot of a guest on krepro's own machine, with the machines that clones of it have left.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "harness/backend/backend.hpp"
#include "vmm/machine.hpp"

namespace harness {

// Any thread.
class KvmSnapshot : public Snapshot {
 public:
  explicit KvmSnapshot(std::shared_ptr<const vmm::Snapshot> state) : state_(std::move(state)) {}

  const vmm::Snapshot& state() const { return *state_; }

  // A machine that is ready to start: one that was given back, else a new one. Throws base::Error.
  std::unique_ptr<vmm::Machine> take() const;
  // A stopped machine that take() gave, for the next clone: making one costs many times what
  // putting it back does.
  void give_back(std::unique_ptr<vmm::Machine> machine) const;

 private:
  std::shared_ptr<const vmm::Snapshot> state_;
  mutable std::mutex mutex_; // guards spares_
  mutable std::vector<std::unique_ptr<vmm::Machine>> spares_;
};

} // namespace harness
