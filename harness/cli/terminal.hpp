// The user's terminal as a guest's console.
#pragma once

#include <string>
#include <termios.h>

namespace harness::cli {

// While one lives, what is typed on standard input comes as it is, ^C included. Does nothing where
// that is no terminal.
class RawTerminal {
 public:
  RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  ~RawTerminal();
  bool active() const { return active_; }

 private:
  struct termios saved_ {};
  bool active_ = false;
};

// What a user types, with the escape character ^A taken out.
class Keys {
 public:
  struct Typed {
    std::string bytes; // for the guest
    bool quit = false; // ^A x
    bool nmi = false;  // ^A n
  };
  // Bytes as they were read; an escape may be cut in two. ^A ^A is one ^A for the guest.
  Typed feed(const std::string& bytes);

 private:
  bool escaped_ = false;
};

} // namespace harness::cli
