// Which libvirt, and what krepro needs to know of it before it connects.
#pragma once

#include <filesystem>
#include <string>

namespace harness {

// Throws base::UsageError unless the URI names QEMU on this machine ("qemu:///system",
// "qemu:///session", "qemu+unix:///system?socket=..."): kernels and sockets are files here.
void check_local_qemu(const std::string& uri);

// <seclabel> elements that let a daemon's QEMU run as this user, so that it reaches krepro's files
// and krepro its sockets, and that nothing is relabelled. capabilities: virConnectGetCapabilities.
std::string security_labels(const std::string& capabilities, unsigned uid, unsigned gid);

// The folder of the driver inside the process: its configuration, logs and sockets, and what
// libvirt learns about QEMU, which costs 4 s to learn and is kept in the cache between sessions.
class EmbedRoot {
 public:
  // Makes root and copies what the cache holds. Throws base::SysError.
  EmbedRoot(std::filesystem::path root, std::filesystem::path cache);
  std::string uri() const;
  // Copies what is new to the cache; a failure is logged.
  void save_capabilities() const;
  // QEMU's own output for a domain.
  std::filesystem::path log_of(const std::string& domain) const;

 private:
  std::filesystem::path root_;
  std::filesystem::path cache_;
};

} // namespace harness
