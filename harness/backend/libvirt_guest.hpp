// A guest that libvirt runs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/backend/backend.hpp"
#include "harness/backend/domain_events.hpp"
#include "harness/backend/domain_xml.hpp"
#include "harness/backend/libvirt_api.hpp"
#include "harness/backend/libvirt_connection.hpp"
#include "harness/backend/memory_file.hpp"
#include "harness/backend/serial_port.hpp"

namespace harness {

// A QEMU process; both 0 when it is not known.
struct QemuProcess {
  pid_t pid = 0;
  std::uint64_t started = 0; // base::start_time
};

// Starts a domain and follows it to its end.
class LibvirtGuest : public Guest {
 public:
  // plan's sockets are where the guest listens before QEMU starts. log: QEMU's output, removed at
  // the end; may be empty. Throws base::Error where the domain does not start.
  LibvirtGuest(std::shared_ptr<Connection> connection, const DomainPlan& plan,
               std::filesystem::path log);
  LibvirtGuest(const LibvirtGuest&) = delete;
  LibvirtGuest& operator=(const LibvirtGuest&) = delete;
  ~LibvirtGuest() override;

  using Guest::poll;
  GuestOutput poll(std::chrono::milliseconds timeout, int input) override;
  void send(std::string_view bytes) override;
  void type(std::string_view bytes) override;
  void inject_nmi() override;
  void pause() override;
  void resume() override;
  std::vector<CpuRegisters> registers() override;
  bool read_memory(std::uint64_t address, std::span<std::uint8_t> to) override;
  void stop() override;

 private:
  struct FreeDomain {
    void operator()(virDomainPtr domain) const { libvirt().virDomainFree(domain); }
  };

  void wait(std::chrono::milliseconds timeout, int input);
  void read_ports(GuestOutput& output);
  bool ending() const;
  void judge_end(GuestOutput& output);
  std::string last_words() const;
  std::string ask_monitor(const std::string& command);
  bool peek_memory(std::uint64_t address, std::span<std::uint8_t> to);

  std::shared_ptr<Connection> connection_;
  std::filesystem::path log_;
  SerialPort console_;
  SerialPort channel_;
  std::shared_ptr<DomainEvents> events_ = std::make_shared<DomainEvents>();
  std::unique_ptr<virDomain, FreeDomain> domain_;
  std::unique_ptr<DomainSubscription> subscription_;
  QemuProcess machine_;
  std::vector<MemoryRange> ranges_;  // of the guest's memory
  std::optional<MemoryFile> memory_; // nothing: only libvirt can read it
  bool paused_ = false;
  bool destroyed_ = false; // by stop()
  bool ended_ = false;     // its end was reported
};

} // namespace harness
