#include "harness/output/progress.hpp"

#include <sys/ioctl.h>

#include <algorithm>

#include <fmt/format.h>

#include "vmm/base/text.hpp"

namespace harness {
namespace {

std::size_t width_of(std::FILE* out) {
  winsize size{};
  if (::ioctl(::fileno(out), TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
    return 80;
  return size.ws_col;
}

// The first so many characters of UTF-8 text.
std::string_view cut(std::string_view text, std::size_t characters) {
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    const bool starts = (static_cast<unsigned char>(text[at]) & 0xc0) != 0x80;
    if (starts && characters-- == 0)
      break;
  }
  return text.substr(0, at);
}

std::string short_id(const std::string& sha) { return sha.substr(0, 12); }

} // namespace

std::string status_line(double seconds, std::string_view headline, std::string_view stage,
                        std::size_t width) {
  std::string text = fmt::format("[{}] {}", base::duration_text(seconds), headline);
  if (!stage.empty())
    text += fmt::format(": {}", stage);
  text = base::printable(text);
  std::replace_if(
      text.begin(), text.end(), [](char byte) { return byte == '\n' || byte == '\t'; }, ' ');
  return std::string{cut(text, width)};
}

Progress::Progress(std::FILE* out, bool terminal)
    : out_(out), terminal_(terminal), began_(std::chrono::steady_clock::now()) {
  if (terminal_)
    ticker_ = std::thread([this] { tick(); });
}

Progress::~Progress() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wipe();
  }
  wake_.notify_all();
  if (ticker_.joinable())
    ticker_.join();
}

void Progress::tick() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, std::chrono::seconds(1), [this] { return stopping_; }))
    if (active_)
      draw();
}

void Progress::wipe() {
  active_ = false;
  if (!drawn_)
    return;
  std::fputs("\r\033[K", out_);
  std::fflush(out_);
  drawn_ = false;
}

void Progress::draw() {
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - began_;
  // The last column stays free: some terminals wrap there.
  const std::string text = status_line(elapsed.count(), headline_, stage_, width_of(out_) - 1);
  std::fputs(fmt::format("\r{}\033[K", text).c_str(), out_);
  std::fflush(out_);
  drawn_ = true;
}

void Progress::headline(const std::string& text) {
  const std::lock_guard lock(mutex_);
  headline_ = text;
  stage_.clear();
  began_ = std::chrono::steady_clock::now();
  active_ = true;
  if (terminal_) {
    draw();
    return;
  }
  std::fputs((base::printable(text) + "\n").c_str(), out_);
  std::fflush(out_);
}

void Progress::stage(std::string_view text) {
  const std::lock_guard lock(mutex_);
  stage_ = text;
  active_ = true;
  if (terminal_)
    draw();
}

void Progress::quiet() {
  const std::lock_guard lock(mutex_);
  wipe();
}

void Progress::operator()(const Event& event) {
  if (const auto* build = std::get_if<event::BuildStarted>(&event))
    headline(fmt::format("build {}", short_id(build->sha)));
  else if (const auto* run = std::get_if<event::RunStarted>(&event))
    headline(fmt::format("run #{} of {} (at most {})", run->index, short_id(run->sha), run->max));
  else if (const auto* under_way = std::get_if<event::Stage>(&event))
    stage(under_way->text);
  else
    quiet();
}

} // namespace harness
