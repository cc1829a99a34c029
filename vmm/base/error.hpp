// Failures. Outcomes are values; a failure throws one of these and is caught in main, at the
// backend boundary and at thread entry.
#pragma once

#include <stdexcept>
#include <string>

namespace base {

// Something outside krepro's control failed. what() is one line: what, where, what was expected.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& what) : std::runtime_error(what) {}
};

// A system call failed. Construct it right after the call: it takes errno as an argument so that
// nothing between the call and the throw can change it.
class SysError : public Error {
 public:
  // object: the path, descriptor or pid the call was about; may be empty.
  SysError(int error, const std::string& call, const std::string& object);
  int code() const { return code_; }

 private:
  int code_;
};

// The caller's mistake: bad flag, bad file, unknown revision. Exit code 129.
class UsageError : public Error {
 public:
  using Error::Error;
};

// ^C or a termination signal ended the work. Exit code 128 + signal.
class Interrupted : public Error {
 public:
  explicit Interrupted(int signal) : Error("interrupted"), signal_(signal) {}
  int signal() const { return signal_; }

 private:
  int signal_;
};

[[noreturn]] void assert_failed(const char* condition, const char* file, int line);

} // namespace base

// On in every build: a false condition is a bug of krepro; prints where and aborts.
#define ASSERT(condition)                                                                          \
  ((condition) ? static_cast<void>(0) : ::base::assert_failed(#condition, __FILE__, __LINE__))
