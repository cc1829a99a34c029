#pragma once

#include <functional>
#include <pthread.h>

namespace base {

// A thread with a stack of 256 KiB. With std::thread's 8 MiB each thread would cost a resident huge
// page where transparent huge pages are "always". Joined before it is destroyed or assigned to.
class Thread {
 public:
  Thread() = default;
  // SysError "pthread_create" where the system has no room for one; `body` throws nothing.
  explicit Thread(std::function<void()> body);
  Thread(Thread&& other) noexcept;
  Thread& operator=(Thread&& other) noexcept;
  ~Thread();

  bool joinable() const { return running_; }
  void join();
  pthread_t id() const { return id_; } // of a joinable one

 private:
  pthread_t id_{};
  bool running_ = false;
};

} // namespace base
