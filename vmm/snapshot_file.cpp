#include "vmm/snapshot_file.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <span>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"

namespace vmm {

namespace {

namespace fs = std::filesystem;

constexpr char magic[8] = {'K', 'R', 'E', 'P', 'R', 'O', 'S', 'N'};

struct Head {
  char name[8] = {};
  std::uint64_t version = 0;
  std::uint64_t state_size = 0;  // bytes, right behind this
  std::uint64_t state_sum = 0;   // XXH3, 64 bits
  std::uint64_t memory_size = 0; // bytes, from the next page on
  std::uint64_t memory_sum = 0;  // XXH3 over the pages of its runs, in their order
};

std::uint64_t memory_offset(std::uint64_t state_size) {
  return (sizeof(Head) + state_size + page_size - 1) / page_size * page_size;
}

void check(bool holds, const fs::path& file) {
  if (!holds)
    throw base::Error(fmt::format("{}: the snapshot is damaged", file.string()));
}

// Values one behind the other, as they are in memory.
class Writer {
 public:
  template<class T> void put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  template<class T> void put_all(const std::vector<T>& values) {
    put<std::uint64_t>(values.size());
    for (const T& value : values)
      put(value);
  }
  void put_text(std::string_view text) {
    put<std::uint64_t>(text.size());
    bytes_ += text;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// Throws base::Error past the end.
class Reader {
 public:
  Reader(std::string_view bytes, const fs::path& file) : rest_(bytes), file_(file) {}

  template<class T> void get(T& value) {
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
  }
  template<class T> void get_all(std::vector<T>& values) {
    values.resize(count(sizeof(T)));
    for (T& value : values)
      get(value);
  }
  std::string_view text() { return take(count(1)); }
  // How many items of that size follow.
  std::size_t count(std::size_t size) {
    std::uint64_t items = 0;
    get(items);
    check(items <= rest_.size() / size);
    return items;
  }
  void check(bool holds) const { vmm::check(holds, file_); }

 private:
  std::string_view take(std::size_t size) {
    check(size <= rest_.size());
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  std::string_view rest_;
  const fs::path& file_;
};

void put_uart(Writer& out, const Uart::State& state) {
  out.put(state.registers);
  out.put_text(state.input);
}

std::string state_bytes(const Snapshot& snapshot, std::string_view key, std::string_view note) {
  Writer out;
  out.put_text(key);
  out.put_text(note);
  out.put_all(snapshot.memory.runs());
  out.put(snapshot.vm);
  put_uart(out, snapshot.devices.console);
  put_uart(out, snapshot.devices.channel);
  out.put(snapshot.devices.clock);
  out.put(snapshot.devices.power);
  out.put<std::uint64_t>(snapshot.cpus.size());
  for (const VcpuState& cpu : snapshot.cpus) {
    out.put(cpu.cpuid);
    out.put(cpu.registers);
    out.put_all(cpu.xsave);
    out.put_all(cpu.msrs);
  }
  return out.bytes();
}

void get_uart(Reader& in, Uart::State& state) {
  in.get(state.registers);
  state.input = in.text();
  in.check(state.registers.fifo_level <= state.input.size());
}

// Behind key and note and runs.
void get_state(Reader& in, VmState& vm, DeviceStates& devices, std::vector<VcpuState>& cpus) {
  in.get(vm);
  get_uart(in, devices.console);
  get_uart(in, devices.channel);
  in.get(devices.clock);
  in.get(devices.power);
  cpus.resize(in.count(sizeof(VcpuRegisters)));
  in.check(!cpus.empty());
  for (VcpuState& cpu : cpus) {
    in.get(cpu.cpuid);
    in.get(cpu.registers);
    in.get_all(cpu.xsave);
    in.get_all(cpu.msrs);
    in.check(cpu.xsave.size() >= least_xsave_size);
  }
}

std::uint64_t sum_of(const MemoryImage& memory) {
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  for (const PageRun& run : memory.runs()) {
    const std::span<const std::uint8_t> bytes = memory.bytes_of(run);
    XXH3_64bits_update(&state, bytes.data(), bytes.size());
  }
  return XXH3_64bits_digest(&state);
}

std::span<const std::uint8_t> as_bytes(const void* data, std::size_t size) {
  return {static_cast<const std::uint8_t*>(data), size};
}

void write_parts(const base::Fd& fd, const Snapshot& snapshot, const std::string& state,
                 const std::string& name) {
  Head head;
  std::memcpy(head.name, magic, sizeof magic);
  head.version = snapshot_version;
  head.state_size = state.size();
  head.state_sum = XXH3_64bits(state.data(), state.size());
  head.memory_size = snapshot.memory.size();
  head.memory_sum = sum_of(snapshot.memory);
  base::write_at(fd, as_bytes(&head, sizeof head), 0, name);
  base::write_at(fd, as_bytes(state.data(), state.size()), sizeof head, name);
  const std::uint64_t offset = memory_offset(state.size());
  for (const PageRun& run : snapshot.memory.runs())
    base::write_at(fd, snapshot.memory.bytes_of(run), offset + run.first * page_size, name);
  if (::ftruncate(fd.get(), static_cast<off_t>(offset + head.memory_size)) != 0)
    throw base::SysError(errno, "ftruncate", name);
}

// A file that has no name until it is whole, so that whatever ends this process leaves nothing; on
// file systems that cannot do that it has another name, and is removed where it was not published.
class NewFile {
 public:
  explicit NewFile(const fs::path& file) : file_(file) {
    fd_ = base::Fd(::open(file.parent_path().c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0444));
    if (fd_)
      return;
    if (errno != EOPNOTSUPP && errno != EISDIR)
      throw base::SysError(errno, "open", file.parent_path());
    name_ = file.string() + ".XXXXXX";
    fd_ = base::Fd(::mkostemp(name_.data(), O_CLOEXEC));
    if (!fd_)
      throw base::SysError(errno, "open", name_);
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile() {
    if (!name_.empty())
      ::unlink(name_.c_str());
  }

  const base::Fd& fd() const { return fd_; }

  void publish() {
    if (!name_.empty()) {
      if (::fchmod(fd_.get(), 0444) != 0 || ::rename(name_.c_str(), file_.c_str()) != 0)
        throw base::SysError(errno, "rename", file_);
      name_.clear();
      return;
    }
    const std::string unnamed = fmt::format("/proc/self/fd/{}", fd_.get());
    ::unlink(file_.c_str());
    if (::linkat(AT_FDCWD, unnamed.c_str(), AT_FDCWD, file_.c_str(), AT_SYMLINK_FOLLOW) != 0 &&
        errno != EEXIST) // by another process, a moment ago: as good
      throw base::SysError(errno, "link", file_);
  }

 private:
  fs::path file_;
  std::string name_; // "": it has none
  base::Fd fd_;
};

// The bytes of [at, at + size) of a file, which may end before.
std::string read_at(const base::Fd& fd, std::uint64_t at, std::uint64_t size,
                    const fs::path& file) {
  std::string bytes(size, '\0');
  std::size_t got = 0;
  while (got < size) {
    const ssize_t n =
        ::pread(fd.get(), bytes.data() + got, size - got, static_cast<off_t>(at + got));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      throw base::SysError(errno, "read", file);
    if (n == 0)
      break;
    got += static_cast<std::size_t>(n);
  }
  bytes.resize(got);
  return bytes;
}

std::uint64_t size_of(const base::Fd& fd, const fs::path& file) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0)
    throw base::SysError(errno, "stat", file);
  return static_cast<std::uint64_t>(status.st_size);
}

bool inside(const std::vector<PageRun>& runs, std::uint64_t pages) {
  for (const PageRun& run : runs)
    if (run.first > pages || run.count > pages - run.first)
      return false;
  return true;
}

} // namespace

void save_snapshot(const Snapshot& snapshot, const fs::path& file, std::string_view key,
                   std::string_view note) {
  NewFile made(file);
  write_parts(made.fd(), snapshot, state_bytes(snapshot, key, note), file);
  made.publish();
}

std::optional<LoadedSnapshot> load_snapshot(const fs::path& file, std::string_view key) {
  base::Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd && errno == ENOENT)
    return std::nullopt;
  if (!fd)
    throw base::SysError(errno, "open", file);
  const std::uint64_t size = size_of(fd, file);
  Head head;
  Reader(read_at(fd, 0, sizeof head, file), file).get(head);
  if (std::memcmp(head.name, magic, sizeof magic) != 0 || head.version != snapshot_version)
    return std::nullopt;
  check(head.state_size < size && head.memory_size % page_size == 0 &&
            memory_offset(head.state_size) + head.memory_size == size,
        file);
  const std::string state = read_at(fd, sizeof head, head.state_size, file);
  check(XXH3_64bits(state.data(), state.size()) == head.state_sum, file);
  Reader in(state, file);
  if (in.text() != key)
    return std::nullopt;
  LoadedSnapshot loaded;
  loaded.note = in.text();
  std::vector<PageRun> runs;
  in.get_all(runs);
  in.check(inside(runs, head.memory_size / page_size));
  VmState vm;
  DeviceStates devices;
  std::vector<VcpuState> cpus;
  get_state(in, vm, devices, cpus);
  MemoryImage memory(std::move(fd), memory_offset(head.state_size), head.memory_size,
                     std::move(runs));
  in.check(sum_of(memory) == head.memory_sum);
  loaded.snapshot = std::make_shared<const Snapshot>(
      Snapshot{std::move(memory), vm, std::move(cpus), std::move(devices)});
  return loaded;
}

} // namespace vmm
