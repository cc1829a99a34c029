// What libvirt tells about one domain, made waitable.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include <libvirt/libvirt.h>

#include "harness/backend/libvirt_connection.hpp"
#include "vmm/base/fd.hpp"

namespace harness {

// Filled by libvirt's event thread, read by the guest's owner.
class DomainEvents {
 public:
  struct News {
    std::string shutdown; // QEMU's reason for the end of the guest ("guest-reset"); empty before it
    bool stopped = false; // QEMU is gone
    int detail = 0;       // stopped: virDomainEventStoppedDetailType
  };

  DomainEvents();
  void on_shutdown(const std::string& reason);
  void on_stopped(int detail);
  // Readable from the first change on.
  int fd() const { return signal_.get(); }
  News news() const;

 private:
  void wake() const;

  base::Fd signal_;
  mutable std::mutex mutex_;
  News news_;
};

// Holds the registrations with libvirt for as long as it lives.
class DomainSubscription {
 public:
  // Throws base::Error with libvirt's text.
  DomainSubscription(std::shared_ptr<Connection> connection, virDomainPtr domain,
                     std::shared_ptr<DomainEvents> events);
  DomainSubscription(const DomainSubscription&) = delete;
  DomainSubscription& operator=(const DomainSubscription&) = delete;
  ~DomainSubscription();

 private:
  std::shared_ptr<Connection> connection_;
  int lifecycle_ = -1;
  int monitor_ = -1;
};

// The value of "reason" in the details of QEMU's SHUTDOWN event (QAPI, run-state.json), or
// "unknown".
std::string shutdown_reason(const std::string& details);

} // namespace harness
