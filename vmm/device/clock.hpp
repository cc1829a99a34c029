// The MC146818 real-time clock and its CMOS memory, as much as a kernel reads of it
// (include/linux/mc146818rtc.h).
#pragma once

#include <array>
#include <cstdint>
#include <ctime>

#include "vmm/device/device.hpp"

namespace vmm {

// Two ports: index, data. Time is UTC, in BCD, never about to change: an update in progress would
// make some kernels wait for ever, others for seconds.
class Clock : public Device {
 public:
  struct State {
    std::uint8_t index = 0;
    std::array<std::uint8_t, 128> memory{};
  };

  // now: seconds since 1970.
  explicit Clock(std::function<std::time_t()> now) : now_(std::move(now)) {}
  std::uint8_t read(std::uint16_t offset) override;
  void write(std::uint16_t offset, std::uint8_t value) override;
  const State& save() const { return state_; }
  void restore(const State& state) { state_ = state; }

 private:
  std::uint8_t read_register() const;

  std::function<std::time_t()> now_;
  State state_;
};

} // namespace vmm
