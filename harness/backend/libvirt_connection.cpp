#include "harness/backend/libvirt_connection.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "harness/backend/libvirt_api.hpp"
#include "vmm/base/error.hpp"
#include "vmm/base/text.hpp"

namespace harness {

namespace {

void ignore_error(void* /*data*/, virErrorPtr /*error*/) {}
void ignore_timer(int /*timer*/, void* /*data*/) {}

// libvirt prints errors and messages to standard error unless told otherwise; errors reach people
// through base::Error. The variable is read by virInitialize alone.
void initialize_once(const std::filesystem::path& log) {
  static std::once_flag done;
  std::call_once(done, [&log] {
    libvirt().virSetErrorFunc(nullptr, ignore_error);
    ::setenv("LIBVIRT_LOG_OUTPUTS", ("2:file:" + log.string()).c_str(), 0);
    if (libvirt().virInitialize() != 0 || libvirt().virEventRegisterDefaultImpl() != 0)
      throw base::Error("libvirt cannot be initialized: " + libvirt_error());
  });
}

} // namespace

class EventLoop {
 public:
  // The process's one, made when nobody holds it yet.
  static std::shared_ptr<EventLoop> hold(const std::filesystem::path& log) {
    static std::mutex mutex;
    static std::weak_ptr<EventLoop> current;
    const std::lock_guard lock(mutex);
    std::shared_ptr<EventLoop> loop = current.lock();
    if (!loop) {
      initialize_once(log);
      loop = std::make_shared<EventLoop>();
      current = loop;
    }
    return loop;
  }

  EventLoop() : timer_(libvirt().virEventAddTimeout(-1, ignore_timer, nullptr, nullptr)) {
    if (timer_ < 0)
      throw base::Error("libvirt: no timer: " + libvirt_error());
    thread_ = std::thread([this] {
      while (!stop_)
        libvirt().virEventRunDefaultImpl();
    });
  }
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  ~EventLoop() {
    stop_ = true;
    libvirt().virEventUpdateTimeout(timer_, 0);
    thread_.join();
    libvirt().virEventRemoveTimeout(timer_);
  }

 private:
  int timer_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

std::string libvirt_error() {
  virErrorPtr error = libvirt().virGetLastError();
  if (error == nullptr || error->message == nullptr)
    return "unknown libvirt error";
  std::string text(base::trim(error->message));
  std::replace(text.begin(), text.end(), '\n', ' ');
  return base::printable(text);
}

Connection::Connection(const std::string& uri, const std::filesystem::path& log)
    : uri_(uri), loop_(EventLoop::hold(log)) {
  connection_ = libvirt().virConnectOpen(uri.c_str());
  if (connection_ == nullptr)
    throw base::Error(fmt::format("libvirt: cannot open {}: {}", uri, libvirt_error()));
}

Connection::~Connection() { libvirt().virConnectClose(connection_); }

} // namespace harness
