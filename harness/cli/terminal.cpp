#include "harness/cli/terminal.hpp"

#include <unistd.h>

namespace harness::cli {

namespace {

constexpr char escape = 'A' & 0x1f;

} // namespace

RawTerminal::RawTerminal() {
  if (::tcgetattr(STDIN_FILENO, &saved_) != 0)
    return;
  struct termios raw = saved_;
  ::cfmakeraw(&raw);
  active_ = ::tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

RawTerminal::~RawTerminal() {
  if (active_)
    ::tcsetattr(STDIN_FILENO, TCSANOW, &saved_);
}

Keys::Typed Keys::feed(const std::string& bytes) {
  Typed typed;
  for (const char key : bytes) {
    if (!escaped_ && key == escape) {
      escaped_ = true;
      continue;
    }
    if (!escaped_ || key == escape)
      typed.bytes += key;
    else if (key == 'x')
      typed.quit = true;
    else if (key == 'n')
      typed.nmi = true;
    escaped_ = false;
  }
  return typed;
}

} // namespace harness::cli
