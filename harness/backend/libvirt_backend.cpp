#include "harness/backend/libvirt_backend.hpp"

#include <atomic>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <unistd.h>

#include <fmt/format.h>

#include "harness/backend/command_line.hpp"
#include "harness/backend/domain_xml.hpp"
#include "harness/backend/kernel_file.hpp"
#include "harness/backend/kvm_probe.hpp"
#include "harness/backend/libvirt_api.hpp"
#include "harness/backend/libvirt_connection.hpp"
#include "harness/backend/libvirt_guest.hpp"
#include "harness/backend/libvirt_uri.hpp"
#include "vmm/base/error.hpp"
#include "vmm/base/log.hpp"
#include "vmm/probe.hpp"

namespace harness {

namespace {

namespace fs = std::filesystem;

// A guest under TCG is some ten times slower in its own code; the limits have room for most of it.
constexpr double tcg_slowdown = 2.0;

// libvirt asks QEMU what it can do, by starting some, when that is first needed: now, not while
// orphans are adopted.
void learn_capabilities(const Connection& connection, bool kvm) {
  const std::unique_ptr<char, decltype(&std::free)> text(
      libvirt().virConnectGetDomainCapabilities(connection.get(), nullptr, "x86_64", "pc",
                                                kvm ? "kvm" : "qemu", 0),
      &std::free);
  if (!text)
    throw base::Error(fmt::format("libvirt: {}: {}", connection.uri(), libvirt_error()));
}

class LibvirtBackend : public Backend {
 public:
  LibvirtBackend(const std::string& uri, const fs::path& folder, const fs::path& cache)
      : uri_(uri), folder_(folder), cache_(cache), probe_(kvm_probe(cache)) {
    capabilities_.name = fmt::format("libvirt (qemu, {})", probe_.usable ? "kvm" : "tcg");
    capabilities_.nmi = true;
    capabilities_.inspect = true;
    capabilities_.slowdown = probe_.usable ? 1.0 : tcg_slowdown;
    base::log("backend", base::LogLevel::info, "{}: {}", capabilities_.name, probe_.reason);
  }

  const Capabilities& capabilities() const override { return capabilities_; }

  std::unique_ptr<Guest> boot(const BootSpec& spec) override {
    const std::shared_ptr<Connection> connection = connect();
    const DomainPlan plan = plan_of(spec);
    const fs::path log = root_ ? root_->log_of(plan.name) : fs::path();
    return std::make_unique<LibvirtGuest>(connection, plan, log);
  }

 private:
  std::shared_ptr<Connection> connect() {
    const std::lock_guard lock(mutex_);
    try {
      if (!connection_)
        connection_ = uri_.empty() ? connect_embedded() : connect_daemon();
    } catch (const base::Error& error) {
      throw base::Error(fmt::format("{}; run: krepro doctor", error.what()));
    }
    return connection_;
  }

  std::shared_ptr<Connection> connect_embedded() {
    root_.emplace(folder_ / "libvirt", cache_);
    auto connection = std::make_shared<Connection>(root_->uri(), log());
    learn_capabilities(*connection, probe_.usable);
    root_->save_capabilities();
    return connection;
  }

  std::shared_ptr<Connection> connect_daemon() {
    auto connection = std::make_shared<Connection>(uri_, log());
    const std::unique_ptr<char, decltype(&std::free)> text(
        libvirt().virConnectGetCapabilities(connection->get()), &std::free);
    if (!text)
      throw base::Error(fmt::format("libvirt: {}: {}", uri_, libvirt_error()));
    security_ = security_labels(text.get(), ::geteuid(), ::getegid());
    return connection;
  }

  fs::path log() const { return folder_ / "libvirt.log"; }

  DomainPlan plan_of(const BootSpec& spec) {
    const unsigned number = ++guests_;
    DomainPlan plan;
    plan.name = uri_.empty() ? spec.name
                             : fmt::format("krepro-{}-{}", folder_.filename().string(), spec.name);
    plan.kvm = probe_.usable;
    plan.kernel = fs::absolute(direct_boot_file(spec));
    plan.initramfs = fs::absolute(spec.initramfs);
    plan.command_line =
        command_line(spec.append, plan.kvm ? Hypervisor::qemu_kvm : Hypervisor::tcg);
    plan.cpus = spec.cpus;
    plan.memory = spec.memory;
    plan.console = folder_ / fmt::format("{}.console", number);
    plan.channel = folder_ / fmt::format("{}.channel", number);
    plan.security = security_;
    return plan;
  }

  std::string uri_;
  fs::path folder_;
  fs::path cache_;
  vmm::KvmProbe probe_;
  Capabilities capabilities_;
  std::mutex mutex_; // guards the next three while they are made
  std::optional<EmbedRoot> root_;
  std::string security_;
  std::shared_ptr<Connection> connection_;
  std::atomic<unsigned> guests_{0};
};

} // namespace

std::unique_ptr<Backend> make_libvirt_backend(const std::string& uri, const fs::path& folder,
                                              const fs::path& cache) {
  if (!uri.empty())
    check_local_qemu(uri);
  return std::make_unique<LibvirtBackend>(uri, folder, cache);
}

} // namespace harness
