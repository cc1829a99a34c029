// One interface to a virtual machine.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace harness {

// What a guest is made from.
struct BootSpec {
  std::string name;                  // unique among the guests of this process: [a-z0-9-]+
  std::filesystem::path vmlinux;     // ELF; may be empty when bzimage is set
  std::filesystem::path bzimage;     // may be empty when vmlinux is set
  std::filesystem::path initramfs;   // cpio (newc), packed or not
  std::string append;                // kernel command line beyond the backend's own console=...
  unsigned cpus = 2;                 // 1 to 255
  std::uint64_t memory = 512u << 20; // bytes
};

// What a backend can do, as data.
struct Capabilities {
  std::string name;     // "libvirt (qemu, tcg)", shown to people
  bool nmi = false;     // Guest::inject_nmi works
  bool inspect = false; // Guest::registers and Guest::read_memory work
  bool clones = false;  // Guest::snapshot and Backend::clone work
  double slowdown =
      1.0; // how much slower than hardware KVM a guest runs, roughly; scales deadlines
};

enum class GuestState {
  running,
  off,     // powered off as the guest asked, or ended by stop()
  crashed, // reset: a triple fault, or the guest asked for it
};

// Whatever is new since the last poll.
struct GuestOutput {
  std::string console; // bytes of the first serial port, as they came
  std::string channel; // bytes of the second
  GuestState state = GuestState::running;
  std::string reason; // state crashed: one line; otherwise empty
};

// Where a vCPU stood when it was looked at.
struct CpuRegisters {
  // RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8 to R15: by their numbers in instructions.
  std::array<std::uint64_t, 16> general{};
  std::uint64_t rip = 0;
  std::uint64_t rflags = 0;
  std::uint64_t cr3 = 0;
  std::uint64_t gs_base = 0;
  bool user = false;   // in ring 3
  bool halted = false; // waits for an interrupt, or was never started
};

// A guest at one moment, for any number of guests of the same backend to start from.
class Snapshot {
 public:
  virtual ~Snapshot() = default;
};

// A running virtual machine. Its end of life is the destructor's: no process, file or thread of it
// stays. Used by one thread at a time.
class Guest {
 public:
  virtual ~Guest() = default;
  // Waits until there is output, the guest ends, base::stop_fd() or `input` (a descriptor; -1:
  // none) is readable, or timeout passes. After the end it still returns what was left to read
  // first. Throws base::Error where the virtual machine monitor itself fails (infrastructure).
  virtual GuestOutput poll(std::chrono::milliseconds timeout, int input) = 0;
  GuestOutput poll(std::chrono::milliseconds timeout) { return poll(timeout, -1); }
  // Queues bytes for the second serial port.
  virtual void send(std::string_view bytes) = 0;
  // Queues bytes for the first serial port, as if typed there.
  virtual void type(std::string_view bytes) = 0;
  // Throws base::Error where Capabilities::nmi is false.
  virtual void inject_nmi() = 0;
  // Holds all vCPUs where they are until resume(), so that registers and memory fit together. A
  // guest that ends or is held already: nothing happens. Does nothing where the backend cannot.
  // Throws base::Error where the backend fails.
  virtual void pause() {}
  virtual void resume() {}
  // A look at each vCPU, in their order; the guest goes on. Throws base::Error where the backend
  // fails or Capabilities::inspect is false.
  virtual std::vector<CpuRegisters> registers();
  // Copies [address, address + to.size()) of guest-physical memory as it is while the guest runs,
  // or was left when it ended. False where not all of it is the guest's memory. Throws as
  // registers().
  virtual bool read_memory(std::uint64_t address, std::span<std::uint8_t> to);
  // The guest goes on. What it had sent and poll() has not returned is not in it. Throws
  // base::Error where the guest has ended, the backend fails or Capabilities::clones is false.
  virtual std::shared_ptr<const Snapshot> snapshot();
  // Ends the guest at once. May be called again.
  virtual void stop() = 0;
  // How often the guest needed its virtual machine monitor so far, by cause (a device, "none" for
  // ports without one, "mmio", "interrupted"); empty where the backend does not count.
  virtual std::map<std::string, std::uint64_t> exits() const { return {}; }
};

struct SavedSnapshot {
  std::shared_ptr<const Snapshot> snapshot; // may be null
  std::string note;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual const Capabilities& capabilities() const = 0;
  // Starts a guest. May be called from several threads. Throws base::Error (infrastructure), with
  // the next step in the text where the machine lacks something.
  virtual std::unique_ptr<Guest> boot(const BootSpec& spec) = 0;
  // Starts a guest where the snapshot, one of this backend's, was taken. Its clocks go on from
  // there, and all clones have the same random numbers to come: what runs in it has to know. May be
  // called from several threads. Throws base::Error.
  virtual std::unique_ptr<Guest> clone(const std::shared_ptr<const Snapshot>& snapshot);
  // Keeps a snapshot in a file, whole or not at all. key: all that the guest depends on, but the
  // backend and this machine; note: the caller's. Throws base::Error.
  virtual void save(const Snapshot& snapshot, const std::filesystem::path& file,
                    const std::string& key, const std::string& note);
  // One that was saved with the same key, by the same version of the backend, on a machine with the
  // same CPUs; null where there is none. Throws base::Error where it is damaged.
  virtual SavedSnapshot load(const std::filesystem::path& file, const std::string& key);
};

// name: "kvm", "libvirt", "libvirt:URI", or "auto": kvm where a probe guest shows that /dev/kvm can
// run an unmodified kernel, else libvirt. folder: the session's (base::Warden). cache: what is kept
// between sessions: the probe's answer, unpacked kernels, what libvirt learns about QEMU. Throws
// base::UsageError for an unknown name.
std::unique_ptr<Backend> make_backend(const std::string& name, const std::filesystem::path& folder,
                                      const std::filesystem::path& cache);

} // namespace harness
