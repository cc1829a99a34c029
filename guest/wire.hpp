// The frames between krepro and the agent, over the guest's second serial port (/dev/ttyS1).
//
// A frame, little-endian: u32 magic "KRPO", u16 type, u16 zero, u32 length, u32 crc32 (IEEE, over
// type, zero, length and payload), payload. The host treats the guest as hostile: a frame is taken
// only when magic, a known type, length limit and checksum hold; otherwise the decoder searches the
// next magic.
//
// The talk:
//   agent: hello, once mounts are done and the port is open, and again every 500 ms until setup
//          comes (the host may be late; it ignores the repeats).
//   host:  setup, program. Both may be sent at once; a program of more than 32 KiB waits for ready.
//   agent: loads the modules, applies the sysctls (note for each that fails), ready, heartbeats
//          from here on. Then missing; or, where setup says hold, armed.
//   host:  wake, after armed: a snapshot may have been taken in between, and hours have passed.
//   agent: sets clock and random numbers anew, awake.
//   agent: started, steps, done. A begin for each step that takes long.
//   agent: past the deadline without done, or when the host sends dump: a begin for each thread
//          that is in a step now, tasks and locks to the console, dumped. done may still come
//          after.
//   host:  power_off at any time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace guest {

constexpr std::uint32_t wire_version = 2;
constexpr std::size_t max_payload = 1 << 20; // bytes, host to agent
constexpr std::size_t max_report = 16 << 10; // bytes, agent to host

enum class FrameType : std::uint16_t {
  // agent to host
  hello = 1,     // Hello
  missing = 2,   // Missing: a precondition that does not hold; the run ends as not testable
  started = 3,   // empty: the program's first step begins
  steps = 4,     // Steps that ended. In a repeat only where the result is not that of the last time
  heartbeat = 5, // u64 uptime in ms; every 500 ms of guest time while the agent can run
  done = 6,      // Done: the program's process ended and was reaped, in whatever way
  note = 7,      // text, for people
  dumped = 8,    // empty: task and lock dump was written to the console
  begin = 9,     // Begin: a step begins; without a step frame after it, it is the one that hangs
  ready = 10,    // empty: setup was applied
  armed = 11,    // empty: the program can start; waits for wake
  awake = 12,    // empty
  // host to agent
  setup = 64,     // Setup
  program = 65,   // encoded program (guest/program.hpp)
  dump = 66,      // empty: write task stacks and held locks to the console (sysrq w, d, l, t)
  power_off = 67, // empty
  wake = 68,      // Wake
};

struct Frame {
  FrameType type;
  std::string payload;
};

struct Hello {
  std::uint32_t version = 0; // wire_version of the agent
  std::uint32_t cpus = 0;    // online
  std::uint64_t uptime_ms = 0;
  std::string release; // uname -r
};

struct Missing {
  std::string what;   // "/dev/vhost-net"
  std::string config; // the kernel option that provides it: "CONFIG_VHOST_NET"
};

struct Begin {
  std::uint32_t index = 0;  // position in the program, from 0
  std::uint32_t thread = 0; // 0 is the main one
};

struct Step {
  std::uint32_t index = 0;  // position in the program, from 0
  std::uint32_t thread = 0; // 0 is the main one
  std::int64_t result = 0;  // of the call; -1 on failure
  std::int32_t error = 0;   // errno, 0 on success
  bool expected = true;     // result and errno are what the step expects
};

constexpr std::size_t steps_in_frame = 256; // in a frame

struct Done {
  bool finished = false;        // every step ran
  std::uint32_t unexpected = 0; // steps whose result was not the expected one
  std::string text;             // "" or why it did not finish: "killed by signal 9"
};

struct Setup {
  std::vector<std::string> modules; // in order: /modules/<name>.ko of the initramfs
  // "kernel.hung_task_timeout_secs=3", or a path in place of the name; unknown: a note
  std::vector<std::string> sysctls;
  std::uint32_t deadline_ms = 0; // guest time from started; then the agent dumps by itself; 0: none
  bool hold = false;             // the program waits for wake
};

struct Wake {
  std::string seed;              // random bytes, for /dev/urandom
  std::uint64_t realtime_ns = 0; // since 1970
  bool quiet = false;            // the kernel's log is read elsewhere: nothing of it to the console
};

// A whole frame, header and payload. Throws std::length_error past max_payload.
std::string encode(const Frame& frame);
std::string encode(const Hello&);
std::string encode(const Missing&);
std::string encode(const Begin&);
std::string encode(const std::vector<Step>&); // at most steps_in_frame
std::string encode(const Done&);
std::string encode(const Setup&);
std::string encode(const Wake&);
std::string encode_heartbeat(std::uint64_t uptime_ms);

// Nothing when the payload is not exactly one such value (too short, too long, a length that lies).
std::optional<Hello> decode_hello(std::string_view payload);
std::optional<Missing> decode_missing(std::string_view payload);
std::optional<Begin> decode_begin(std::string_view payload);
std::optional<std::vector<Step>> decode_steps(std::string_view payload);
std::optional<Done> decode_done(std::string_view payload);
std::optional<Setup> decode_setup(std::string_view payload);
std::optional<Wake> decode_wake(std::string_view payload);
std::optional<std::uint64_t> decode_u64(std::string_view payload);

// Bytes in any pieces, frames out. A header whose length lies does not make it deaf: a whole valid
// frame found behind an incomplete one is taken and the incomplete one thrown away. Work per byte
// is bounded by the limit, whatever the other side sends.
class Decoder {
 public:
  // limit: bytes of payload that are taken; max_report for what an agent sends.
  explicit Decoder(std::size_t limit = max_report) : limit_(limit) {}
  void feed(std::string_view bytes);
  // The next whole and valid frame; nothing when more bytes are needed. Once it has returned
  // nothing, at most limit + header bytes are held.
  std::optional<Frame> next();
  // Bytes thrown away because they were no frame.
  std::uint64_t skipped() const { return skipped_; }

 private:
  std::size_t limit_;
  std::string buffer_;
  std::uint64_t skipped_ = 0;
};

} // namespace guest
