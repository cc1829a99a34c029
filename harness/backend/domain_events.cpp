#include "harness/backend/domain_events.hpp"

#include <cerrno>
#include <cstdint>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

#include "harness/backend/libvirt_api.hpp"
#include "vmm/base/error.hpp"

namespace harness {

namespace {

using Holder = std::shared_ptr<DomainEvents>;

int lifecycle_changed(virConnectPtr /*connection*/, virDomainPtr /*domain*/, int event, int detail,
                      void* holder) {
  if (event == VIR_DOMAIN_EVENT_STOPPED)
    (*static_cast<Holder*>(holder))->on_stopped(detail);
  return 0;
}

void monitor_said(virConnectPtr /*connection*/, virDomainPtr /*domain*/, const char* /*event*/,
                  long long /*seconds*/, unsigned /*micros*/, const char* details, void* holder) {
  (*static_cast<Holder*>(holder))->on_shutdown(shutdown_reason(details != nullptr ? details : ""));
}

void release_holder(void* holder) { delete static_cast<Holder*>(holder); }

} // namespace

std::string shutdown_reason(const std::string& details) {
  const std::size_t key = details.find("\"reason\"");
  if (key == std::string::npos)
    return "unknown";
  const std::size_t start = details.find('"', key + 8);
  const std::size_t end = start == std::string::npos ? start : details.find('"', start + 1);
  return end == std::string::npos ? "unknown" : details.substr(start + 1, end - start - 1);
}

DomainEvents::DomainEvents() : signal_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!signal_)
    throw base::SysError(errno, "eventfd", "");
}

void DomainEvents::wake() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(signal_.get(), &one, sizeof one);
}

void DomainEvents::on_shutdown(const std::string& reason) {
  const std::lock_guard lock(mutex_);
  if (news_.shutdown.empty())
    news_.shutdown = reason; // a second one tells of the signal that ends QEMU
  wake();
}

void DomainEvents::on_stopped(int detail) {
  const std::lock_guard lock(mutex_);
  news_.stopped = true;
  news_.detail = detail;
  wake();
}

DomainEvents::News DomainEvents::news() const {
  const std::lock_guard lock(mutex_);
  return news_;
}

DomainSubscription::DomainSubscription(std::shared_ptr<Connection> connection, virDomainPtr domain,
                                       std::shared_ptr<DomainEvents> events)
    : connection_(std::move(connection)) {
  auto first = std::make_unique<Holder>(events);
  lifecycle_ = libvirt().virConnectDomainEventRegisterAny(
      connection_->get(), domain, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
      VIR_DOMAIN_EVENT_CALLBACK(lifecycle_changed), first.get(), release_holder);
  if (lifecycle_ < 0)
    throw base::Error("libvirt: no domain events: " + libvirt_error());
  static_cast<void>(first.release());
  auto second = std::make_unique<Holder>(std::move(events));
  monitor_ = libvirt().virConnectDomainQemuMonitorEventRegister(
      connection_->get(), domain, "SHUTDOWN", monitor_said, second.get(), release_holder, 0);
  if (monitor_ >= 0) {
    static_cast<void>(second.release());
    return;
  }
  libvirt().virConnectDomainEventDeregisterAny(connection_->get(), lifecycle_);
  throw base::Error("libvirt: no QEMU events: " + libvirt_error());
}

DomainSubscription::~DomainSubscription() {
  libvirt().virConnectDomainQemuMonitorEventDeregister(connection_->get(), monitor_);
  libvirt().virConnectDomainEventDeregisterAny(connection_->get(), lifecycle_);
}

} // namespace harness
