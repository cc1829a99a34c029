#include "harness/monitor/log_tap.hpp"

#include "vmm/base/log.hpp"

namespace harness {

namespace {

constexpr std::size_t port_limit = 1u << 20;
constexpr int most_skips = 64; // reads of a log that was there before; each takes many records

} // namespace

LogTap::LogTap(Guest& guest, const KernelImage* kernel) {
  if (kernel == nullptr || !kernel->why().empty())
    return;
  reader_ = std::make_unique<LogReader>(
      *kernel,
      [&guest](std::uint64_t address, std::span<std::uint8_t> to) {
        return guest.read_memory(address, to);
      },
      LogLevels::all);
  GuestOutput ignored;
  for (int skips = 0; reader_ && skips < most_skips; ++skips) {
    replace(ignored);
    if (ignored.console.empty())
      break;
  }
}

void LogTap::replace(GuestOutput& output) {
  if (!reader_)
    return;
  port_ += output.console;
  if (port_.size() > port_limit)
    port_.resize(port_limit);
  const bool ended = output.state != GuestState::running;
  if (const auto text = ended ? reader_->take_rest() : reader_->take())
    output.console = *text;
  else
    fall_back(output, reader_->why());
}

// The guest may have written over its log: what the port has from then on is better than nothing.
void LogTap::fall_back(GuestOutput& output, const std::string& why) {
  base::log("monitor", base::LogLevel::info, "the kernel's log is not read: {}", why);
  reader_.reset();
  output.console = std::move(port_);
  port_.clear();
}

} // namespace harness
