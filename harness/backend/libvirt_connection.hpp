// A connection to libvirt and the thread that libvirt needs for its events.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include <libvirt/libvirt.h>

namespace harness {

// libvirt's text for the last error of this thread, on one line.
std::string libvirt_error();

// Runs libvirt's event loop in a thread for as long as somebody holds it.
class EventLoop;

class Connection {
 public:
  // log: where libvirt's own messages go, unless LIBVIRT_LOG_OUTPUTS says otherwise; the first
  // connection of a process decides. Throws base::Error with libvirt's text.
  Connection(const std::string& uri, const std::filesystem::path& log);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();
  virConnectPtr get() const { return connection_; }
  const std::string& uri() const { return uri_; }

 private:
  std::string uri_;
  std::shared_ptr<EventLoop> loop_;
  virConnectPtr connection_ = nullptr;
};

} // namespace harness
