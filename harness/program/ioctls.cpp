#include <algorithm>
#include <iterator>
#include <linux/if_tun.h>
#define VIRTIO_RING_NO_LEGACY
#include <linux/vhost.h>
#include <net/if.h>

#include <fmt/format.h>

#include "harness/program/constants.hpp"
#include "harness/program/steps.hpp"

namespace harness {

namespace {

// The shapes of the third argument. Offsets are those of linux/vhost_types.h.
enum class Shape {
  none,
  features,    // u64 mask
  out64,       // the kernel writes 8 bytes
  value64,     // u64
  value32,     // int
  plain,       // the argument itself
  file,        // int descriptor
  vring_state, // u32 index, u32 num
  vring_addr,
  vring_file, // u32 index, int descriptor
  memory,     // vhost_memory with its regions
  interface,  // ifreq
};

struct Request {
  std::uint64_t number;
  Shape shape;
};

constexpr Request requests[] = {
    {VHOST_SET_OWNER, Shape::none},
    {VHOST_RESET_OWNER, Shape::none},
    {VHOST_GET_FEATURES, Shape::out64},
    {VHOST_SET_FEATURES, Shape::features},
    {VHOST_GET_BACKEND_FEATURES, Shape::out64},
    {VHOST_SET_BACKEND_FEATURES, Shape::features},
    {VHOST_SET_MEM_TABLE, Shape::memory},
    {VHOST_SET_LOG_BASE, Shape::value64},
    {VHOST_SET_LOG_FD, Shape::file},
    {VHOST_SET_VRING_NUM, Shape::vring_state},
    {VHOST_SET_VRING_BASE, Shape::vring_state},
    {VHOST_GET_VRING_BASE, Shape::vring_state},
    {VHOST_SET_VRING_ENDIAN, Shape::vring_state},
    {VHOST_GET_VRING_ENDIAN, Shape::vring_state},
    {VHOST_SET_VRING_BUSYLOOP_TIMEOUT, Shape::vring_state},
    {VHOST_GET_VRING_BUSYLOOP_TIMEOUT, Shape::vring_state},
    {VHOST_SET_VRING_ADDR, Shape::vring_addr},
    {VHOST_SET_VRING_KICK, Shape::vring_file},
    {VHOST_SET_VRING_CALL, Shape::vring_file},
    {VHOST_SET_VRING_ERR, Shape::vring_file},
    {VHOST_NET_SET_BACKEND, Shape::vring_file},
    {VHOST_VSOCK_SET_GUEST_CID, Shape::value64},
    {VHOST_VSOCK_SET_RUNNING, Shape::value32},
    {TUNSETIFF, Shape::interface},
    {TUNGETIFF, Shape::interface},
    {TUNSETQUEUE, Shape::interface},
    {TUNSETPERSIST, Shape::plain},
    {TUNSETOFFLOAD, Shape::plain},
    {TUNSETSNDBUF, Shape::value32},
    {TUNSETVNETHDRSZ, Shape::value32},
};

const Request* find_request(std::uint64_t number) {
  const Request* found =
      std::find_if(std::begin(requests), std::end(requests),
                   [&](const Request& request) { return request.number == number; });
  return found == std::end(requests) ? nullptr : found;
}

std::vector<std::string> keys_of(Shape shape) {
  switch (shape) {
  case Shape::none:
  case Shape::out64:
    return {};
  case Shape::features:
    return {"features"};
  case Shape::value64:
  case Shape::value32:
  case Shape::plain:
    return {"value"};
  case Shape::file:
    return {"file"};
  case Shape::vring_state:
    return {"index", "num"};
  case Shape::vring_addr:
    return {"index", "flags", "desc", "used", "avail", "log"};
  case Shape::vring_file:
    return {"index", "file"};
  case Shape::memory:
    return {"regions"};
  case Shape::interface:
    return {"name", "flags"};
  }
  return {};
}

// The descriptor under "file"; no_slot for -1, which unbinds.
std::uint32_t file_slot(const TomlTable& table, const Names& names) {
  const toml::node* node = table.raw().get("file");
  if (!node)
    table.fail("file", "'file' is missing; expected the name of a descriptor, or -1 for none");
  if (const auto* number = node->as_integer()) {
    if (number->get() != -1)
      table.fail("file", "'file' wants the name of a descriptor, or -1 for none");
    return guest::no_slot;
  }
  return names.use(Names::Kind::descriptor, table, "file", table.need_text("file"));
}

guest::Data vring_addr(const TomlTable& table, const Names& names) {
  Fields fields(40);
  fields.u32(0, number32(table, "index", 0)).u32(4, number32(table, "flags", 0));
  fields.address(8, operand(table, "desc", names)).address(16, operand(table, "used", names));
  return fields.address(24, operand(table, "avail", names))
      .address(32, operand(table, "log", names))
      .take();
}

guest::Data memory_table(const TomlTable& table, const Names& names) {
  if (!table.has("regions"))
    table.fail("regions", "'regions' is missing; expected regions = [] or [{ guest = 0, size = "
                          "0x1000, uaddr = \"buffer:NAME\" }]");
  const std::vector<TomlTable> regions = table.tables("regions");
  Fields fields(8 + 32 * regions.size());
  fields.u32(0, static_cast<std::uint32_t>(regions.size()));
  std::uint32_t at = 8;
  for (const TomlTable& region : regions) {
    region.check_keys({"guest", "size", "uaddr"});
    fields.u64(at, need_number(region, "guest")).u64(at + 8, need_number(region, "size"));
    fields.address(at + 16, operand(region, "uaddr", names));
    at += 32;
  }
  return fields.take();
}

guest::Argument typed(const TomlTable& table, Shape shape, const Names& names) {
  switch (shape) {
  case Shape::none:
    return guest::Value{0};
  case Shape::out64:
    return Fields(8).take();
  case Shape::features:
    return Fields(8).u64(0, features(table, "features")).take();
  case Shape::value64:
    return Fields(8).u64(0, need_number(table, "value")).take();
  case Shape::value32:
    need_number(table, "value");
    return Fields(4).u32(0, number32(table, "value", 0)).take();
  case Shape::plain:
    return guest::Value{need_number(table, "value")};
  case Shape::file:
    return Fields(4).descriptor(0, file_slot(table, names)).take();
  case Shape::vring_state:
    return Fields(8).u32(0, number32(table, "index", 0)).u32(4, number32(table, "num", 0)).take();
  case Shape::vring_addr:
    return vring_addr(table, names);
  case Shape::vring_file:
    return Fields(8)
        .u32(0, number32(table, "index", 0))
        .descriptor(4, file_slot(table, names))
        .take();
  case Shape::memory:
    return memory_table(table, names);
  case Shape::interface:

    return interface_request(table, table.text("name").value_or(""), number32(table, "flags", 0));
  }
  return guest::Value{0};
}

} // namespace

guest::Data interface_request(const TomlTable& table, std::string_view name, std::uint64_t flags) {
  if (name.size() >= IFNAMSIZ)
    table.fail("name", fmt::format("'{}' is too long for an interface; at most {} bytes", name,
                                   IFNAMSIZ - 1));
  guest::Data data = Fields(sizeof(ifreq)).u16(IFNAMSIZ, static_cast<std::uint16_t>(flags)).take();
  data.bytes.replace(0, name.size(), name);
  return data;
}

std::vector<std::string> ioctl_keys(std::uint64_t request) {
  const Request* known = find_request(request);
  std::vector<std::string> keys = known ? keys_of(known->shape) : std::vector<std::string>{"value"};
  keys.insert(keys.end(), {"bytes", "buffer"});
  return keys;
}

guest::Argument ioctl_argument(const TomlTable& table, std::uint64_t request, const Names& names) {
  if (table.has("bytes"))
    return guest::Data{hex_bytes(table, "bytes"), {}};
  if (table.has("buffer"))
    return guest::Address{
        names.use(Names::Kind::buffer, table, "buffer", table.need_text("buffer")), 0};
  if (const Request* known = find_request(request))
    return typed(table, known->shape, names);
  return guest::Value{number(table, "value", 0)};
}

} // namespace harness
