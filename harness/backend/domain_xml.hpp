// The domain that libvirt is told to start.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace harness {

struct DomainPlan {
  std::string name;
  bool kvm = false;             // otherwise QEMU's own translation (TCG)
  std::filesystem::path kernel; // vmlinux with a PVH entry, or bzImage
  std::filesystem::path initramfs;
  std::string command_line;
  unsigned cpus = 1;
  std::uint64_t memory = 0;      // bytes
  std::filesystem::path console; // unix sockets that QEMU connects to: serial port 0
  std::filesystem::path channel; // and 1
  std::string security;          // <seclabel> elements, or nothing
};

// Domain XML (libvirt.org/formatdomain.html): the pc machine with two serial ports and nothing
// else; every way to end it ends it for good.
std::string domain_xml(const DomainPlan& plan);

} // namespace harness
