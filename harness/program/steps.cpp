#include "harness/program/steps.hpp"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <fmt/format.h>

#include "harness/program/constants.hpp"
#include "vmm/base/text.hpp"

namespace harness {

namespace {

using guest::Argument;
using guest::Call;
using guest::Value;
using Kind = Names::Kind;

Call call(long number, std::vector<Argument> arguments) {
  Call result;
  result.number = static_cast<std::uint32_t>(number);
  result.arguments = std::move(arguments);
  return result;
}

guest::Action calls(std::vector<Call> list) { return guest::Calls{std::move(list)}; }

std::uint32_t fd_slot(const TomlTable& table, const Scope& scope) {
  return scope.names.use(Kind::descriptor, table, "fd", table.need_text("fd"));
}

std::uint32_t buffer_slot(const TomlTable& table, const Scope& scope) {
  return scope.names.use(Kind::buffer, table, "buffer", table.need_text("buffer"));
}

void require(Scope& scope, guest::Requirement requirement) {
  for (const guest::Requirement& known : scope.requirements)
    if (known.kind == requirement.kind && known.text == requirement.text)
      return;
  scope.requirements.push_back(std::move(requirement));
}

void require_device(Scope& scope, const std::string& path) {
  if (path.rfind("/dev/", 0) == 0)
    require(scope, {guest::Requirement::Kind::path, 0, path, config_of_device(path)});
}

Call open_call(const std::string& path, std::uint64_t flags, std::uint64_t mode) {
  const auto here = static_cast<std::uint64_t>(static_cast<std::int64_t>(AT_FDCWD));
  return call(SYS_openat, {Value{here}, guest::Data{path + '\0', {}}, Value{flags}, Value{mode}});
}

guest::Action make_open(const TomlTable& table, Scope& scope) {
  const std::string path = table.need_text("path");
  const std::uint64_t flags = number(table, "flags", O_RDWR);
  if ((flags & O_CREAT) == 0)
    require_device(scope, path);
  Call open = open_call(path, flags, number(table, "mode", 0600));
  open.slot = scope.names.define(Kind::descriptor, table, "as");
  return calls({open});
}

guest::Action make_ioctl(const TomlTable& table, Scope& scope) {
  const std::uint32_t fd = fd_slot(table, scope);
  const std::uint64_t request = need_number(table, "request");
  std::vector<std::string> known = {"do", "fd", "request", "errno", "result", "expect"};
  const std::vector<std::string> typed = ioctl_keys(request);
  known.insert(known.end(), typed.begin(), typed.end());
  table.check_keys(known);
  return calls({call(SYS_ioctl, {guest::Descriptor{fd}, Value{request},
                                 ioctl_argument(table, request, scope.names)})});
}

guest::Action make_iotlb(const TomlTable& table, Scope& scope) {
  const std::uint32_t fd = fd_slot(table, scope);
  guest::Data message = iotlb_message(table, scope.names);
  const std::uint64_t size = message.bytes.size();
  return calls({call(SYS_write, {guest::Descriptor{fd}, std::move(message), Value{size}})});
}

// The bytes of a write or store: exactly one of the keys.
guest::Data content(const TomlTable& table, const Scope& scope) {
  if (table.has("bytes"))
    return {hex_bytes(table, "bytes"), {}};
  if (table.has("text"))
    return {table.need_text("text"), {}};
  if (table.has("u16"))
    return Fields(2).u16(0, static_cast<std::uint16_t>(*table.integer("u16", 0, 0xffff))).take();
  if (table.has("u32"))
    return Fields(4).u32(0, number32(table, "u32", 0)).take();
  if (table.has("u64"))
    return Fields(8).address(0, operand(table, "u64", scope.names)).take();
  table.fail("bytes", "nothing to write; expected one of bytes, text, u16, u32, u64");
}

guest::Action make_write(const TomlTable& table, Scope& scope) {
  const std::uint32_t fd = fd_slot(table, scope);
  if (table.has("buffer")) {
    const guest::Address from{buffer_slot(table, scope), number(table, "offset", 0)};
    return calls(
        {call(SYS_write, {guest::Descriptor{fd}, from, Value{need_number(table, "size")}})});
  }
  guest::Data data = content(table, scope);
  const std::uint64_t size = number(table, "size", data.bytes.size());
  if (size > data.bytes.size())
    table.fail("size",
               fmt::format("'size' is {}; the content has {} bytes", size, data.bytes.size()));
  return calls({call(SYS_write, {guest::Descriptor{fd}, std::move(data), Value{size}})});
}

guest::Action make_read(const TomlTable& table, Scope& scope) {
  const std::uint32_t fd = fd_slot(table, scope);
  const std::uint64_t size = need_number(table, "size");
  if (table.has("buffer")) {
    const guest::Address to{buffer_slot(table, scope), number(table, "offset", 0)};
    return calls({call(SYS_read, {guest::Descriptor{fd}, to, Value{size}})});
  }
  constexpr std::uint64_t most = 64 << 10;
  if (size > most)
    table.fail("size", fmt::format("'size' is {}; at most {} without a buffer", size, most));
  return calls({call(
      SYS_read, {guest::Descriptor{fd}, guest::Data{std::string(size, '\0'), {}}, Value{size}})});
}

guest::Action make_mmap(const TomlTable& table, Scope& scope) {
  const std::uint64_t size = need_number(table, "size");
  if (size == 0)
    table.fail("size", "'size' is 0; expected a number of bytes");
  Argument fd = Value{~std::uint64_t{0}};
  std::uint64_t flags = MAP_PRIVATE | MAP_ANONYMOUS;
  if (table.has("fd")) {
    fd = guest::Descriptor{fd_slot(table, scope)};
    flags = MAP_SHARED;
  }
  Call map =
      call(SYS_mmap, {Value{number(table, "address", 0)}, Value{size},
                      Value{number(table, "prot", PROT_READ | PROT_WRITE)},
                      Value{number(table, "flags", flags)}, fd, Value{number(table, "offset", 0)}});
  map.slot = scope.names.define(Kind::buffer, table, "as");
  map.maps = size;
  return calls({map});
}

guest::Action make_store(const TomlTable& table, Scope& scope) {
  guest::Store store;
  store.slot = buffer_slot(table, scope);
  store.offset = number(table, "offset", 0);
  store.data = content(table, scope);
  return store;
}

guest::Action make_eventfd(const TomlTable& table, Scope& scope) {
  Call eventfd =
      call(SYS_eventfd2, {Value{number32(table, "value", 0)}, Value{number(table, "flags", 0)}});
  eventfd.slot = scope.names.define(Kind::descriptor, table, "as");
  return calls({eventfd});
}

guest::Action make_tap(const TomlTable& table, Scope& scope) {
  const std::string name = table.text("name").value_or("tap0");
  require_device(scope, "/dev/net/tun");
  Call open = open_call("/dev/net/tun", O_RDWR, 0);
  open.slot = scope.names.define(Kind::descriptor, table, "as");
  const std::uint64_t flags = number(table, "flags", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
  std::vector<Call> list = {open, call(SYS_ioctl, {guest::Descriptor{open.slot}, Value{TUNSETIFF},
                                                   interface_request(table, name, flags)})};
  if (table.flag("up").value_or(false)) {
    Call control = call(SYS_socket, {Value{AF_INET}, Value{SOCK_DGRAM}, Value{0}});
    control.slot = scope.names.hidden_descriptor();
    Call up = call(SYS_ioctl, {guest::Descriptor{control.slot}, Value{SIOCSIFFLAGS},
                               interface_request(table, name, IFF_UP)});
    Call close = call(SYS_close, {guest::Descriptor{control.slot}});
    close.forget = control.slot;
    list.insert(list.end(), {control, up, close});
  }
  return calls(std::move(list));
}

guest::Action make_socket(const TomlTable& table, Scope& scope) {
  const std::uint64_t family = need_number(table, "family");
  const std::string config = config_of_family(family);
  if (!config.empty())
    require(scope,
            {guest::Requirement::Kind::socket, static_cast<std::uint32_t>(family),
             fmt::format("sockets of family {}", table.text("family").value_or("")), config});
  Call socket = call(SYS_socket, {Value{family}, Value{need_number(table, "type")},
                                  Value{number(table, "protocol", 0)}});
  socket.slot = scope.names.define(Kind::descriptor, table, "as");
  return calls({socket});
}

guest::Action make_close(const TomlTable& table, Scope& scope) {
  Call close = call(SYS_close, {guest::Descriptor{fd_slot(table, scope)}});
  close.forget = fd_slot(table, scope);
  scope.names.close(table.need_text("fd"));
  return calls({close});
}

guest::Action make_thread(const TomlTable&, Scope&) { return guest::Thread{}; }

guest::Action make_join(const TomlTable&, Scope&) { return guest::Join{}; }

guest::Action make_repeat(const TomlTable& table, Scope&) {
  guest::Repeat repeat;
  if (!table.has("count"))
    table.fail("count", "'count' is missing; expected how often the steps run");
  repeat.count = static_cast<std::uint32_t>(*table.integer("count", 1, 100'000'000));
  return repeat;
}

guest::Action make_sleep(const TomlTable& table, Scope&) {
  const std::optional<std::int64_t> time = table.duration_ms("time");
  if (!time)
    table.fail("time", "'time' is missing; expected time = \"100ms\"");
  return guest::Sleep{static_cast<std::uint64_t>(*time) * 1000};
}

const std::vector<StepKind>& kinds() {
  static const std::vector<StepKind> table = {
      {"open", Body::none, {"path", "flags", "mode", "as"}, make_open},
      // make_ioctl checks the keys, by request
      {"ioctl", Body::none, {}, make_ioctl},
      {"iotlb",
       Body::none,
       {"fd", "message", "version", "asid", "iova", "size", "uaddr", "perm", "length"},
       make_iotlb},
      {"write",
       Body::none,
       {"fd", "bytes", "text", "u16", "u32", "u64", "buffer", "offset", "size"},
       make_write},
      {"read", Body::none, {"fd", "size", "buffer", "offset"}, make_read},
      {"mmap", Body::none, {"as", "size", "fd", "prot", "flags", "offset", "address"}, make_mmap},
      {"store", Body::none, {"buffer", "offset", "bytes", "text", "u16", "u32", "u64"}, make_store},
      {"eventfd", Body::none, {"as", "value", "flags"}, make_eventfd},
      {"tap", Body::none, {"as", "name", "flags", "up"}, make_tap},
      {"socket", Body::none, {"as", "family", "type", "protocol"}, make_socket},
      {"close", Body::none, {"fd"}, make_close},
      {"thread", Body::steps, {}, make_thread},
      {"join", Body::none, {}, make_join},
      {"repeat", Body::steps, {"count"}, make_repeat},
      {"sleep", Body::none, {"time"}, make_sleep},
  };
  return table;
}

} // namespace

const StepKind& step_kind(const TomlTable& table) {
  const std::string name = table.need_text("do");
  std::vector<std::string> names;
  for (const StepKind& kind : kinds()) {
    if (kind.name == name)
      return kind;
    names.emplace_back(kind.name);
  }
  std::string list;
  for (const std::string& known : names)
    list += (list.empty() ? "" : ", ") + known;
  table.fail("do", fmt::format("unknown step '{}'{}; expected one of {}", name,
                               base::did_you_mean(name, names), list));
}

} // namespace harness
