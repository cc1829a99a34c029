// Nothing survives krepro, kill -9 included.
#pragma once

#include <filesystem>
#include <string>

namespace base {

// A small process of its own session that waits for this process's end, however it comes, then
// kills every process that carries this session's mark and removes the session's folder. The mark:
// the environment variable KREPRO_SESSION=<id> (inherited by every command), or the session
// folder's path anywhere in the command line (a QEMU that libvirt started with a cleaned
// environment).
//
// Construct it in main, before any thread and any child; at most one per process.
class Warden {
 public:
  // Makes the session folder below runtime_home(). Throws SysError.
  Warden();
  Warden(const Warden&) = delete;
  Warden& operator=(const Warden&) = delete;
  // Ends the session: what is left is killed and removed before it returns.
  ~Warden();
  // The session's folder: sockets, images, libvirt's root. Gone within 5 s of this process's end.
  const std::filesystem::path& folder() const { return folder_; }

 private:
  std::filesystem::path folder_;
  int life_ = -1; // write end of the pipe whose end of file is our end
  int pid_ = -1;
};

} // namespace base
