#include "harness/program/constants.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <iterator>
#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
// Without its old part, which is no C++.
#define VIRTIO_RING_NO_LEGACY
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <linux/vm_sockets.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

namespace harness {

namespace {

struct Named {
  std::string_view name;
  std::uint64_t value;
};

// clang-format off
#define NAMED(name) Named{#name, static_cast<std::uint64_t>(name)}

constexpr Named constants[] = {
  // open(2)
  NAMED(O_RDONLY), NAMED(O_WRONLY), NAMED(O_RDWR), NAMED(O_NONBLOCK), NAMED(O_CLOEXEC),
  NAMED(O_CREAT), NAMED(O_EXCL), NAMED(O_TRUNC), NAMED(O_APPEND), NAMED(O_SYNC),
  // mmap(2)
  NAMED(PROT_NONE), NAMED(PROT_READ), NAMED(PROT_WRITE), NAMED(PROT_EXEC),
  Named{"MAP_SHARED", MAP_SHARED}, Named{"MAP_PRIVATE", MAP_PRIVATE},
  Named{"MAP_ANONYMOUS", 0x20}, Named{"MAP_FIXED", MAP_FIXED}, Named{"MAP_POPULATE", 0x8000},
  Named{"MAP_LOCKED", 0x2000}, Named{"MAP_NORESERVE", 0x4000}, Named{"MAP_HUGETLB", 0x40000},
  // eventfd(2)
  NAMED(EFD_CLOEXEC), NAMED(EFD_NONBLOCK), NAMED(EFD_SEMAPHORE),
  // socket(2)
  NAMED(AF_UNIX), NAMED(AF_INET), NAMED(AF_INET6), NAMED(AF_NETLINK), NAMED(AF_PACKET),
  NAMED(AF_VSOCK), NAMED(SOCK_STREAM), NAMED(SOCK_DGRAM), NAMED(SOCK_RAW), NAMED(SOCK_SEQPACKET),
  NAMED(SOCK_NONBLOCK), NAMED(SOCK_CLOEXEC), NAMED(ETH_P_ALL), NAMED(ETH_P_IP),
  NAMED(VMADDR_CID_ANY), NAMED(VMADDR_CID_HYPERVISOR), NAMED(VMADDR_CID_HOST),
  // vhost.h
  NAMED(VHOST_GET_FEATURES), NAMED(VHOST_SET_FEATURES), NAMED(VHOST_SET_OWNER),
  NAMED(VHOST_RESET_OWNER), NAMED(VHOST_SET_MEM_TABLE), NAMED(VHOST_SET_LOG_BASE),
  NAMED(VHOST_SET_LOG_FD), NAMED(VHOST_SET_VRING_NUM), NAMED(VHOST_SET_VRING_ADDR),
  NAMED(VHOST_SET_VRING_BASE), NAMED(VHOST_GET_VRING_BASE), NAMED(VHOST_SET_VRING_ENDIAN),
  NAMED(VHOST_GET_VRING_ENDIAN), NAMED(VHOST_SET_VRING_KICK), NAMED(VHOST_SET_VRING_CALL),
  NAMED(VHOST_SET_VRING_ERR), NAMED(VHOST_SET_VRING_BUSYLOOP_TIMEOUT),
  NAMED(VHOST_GET_VRING_BUSYLOOP_TIMEOUT), NAMED(VHOST_SET_BACKEND_FEATURES),
  NAMED(VHOST_GET_BACKEND_FEATURES), NAMED(VHOST_NET_SET_BACKEND),
  NAMED(VHOST_VSOCK_SET_GUEST_CID), NAMED(VHOST_VSOCK_SET_RUNNING),
  NAMED(VHOST_VRING_LITTLE_ENDIAN), NAMED(VHOST_VRING_BIG_ENDIAN), NAMED(VHOST_VRING_F_LOG),
  NAMED(VHOST_ACCESS_RO), NAMED(VHOST_ACCESS_WO), NAMED(VHOST_ACCESS_RW),
  NAMED(VHOST_IOTLB_MISS), NAMED(VHOST_IOTLB_UPDATE), NAMED(VHOST_IOTLB_INVALIDATE),
  NAMED(VHOST_IOTLB_ACCESS_FAIL), NAMED(VHOST_IOTLB_BATCH_BEGIN), NAMED(VHOST_IOTLB_BATCH_END),
  // if_tun.h
  NAMED(TUNSETIFF), NAMED(TUNGETIFF), NAMED(TUNSETPERSIST), NAMED(TUNSETSNDBUF),
  NAMED(TUNSETOFFLOAD), NAMED(TUNGETFEATURES), NAMED(TUNSETVNETHDRSZ), NAMED(TUNSETQUEUE),
  NAMED(IFF_TUN), NAMED(IFF_TAP), NAMED(IFF_NO_PI), NAMED(IFF_VNET_HDR), NAMED(IFF_MULTI_QUEUE),
  NAMED(IFF_NAPI), NAMED(IFF_NAPI_FRAGS), NAMED(IFF_ONE_QUEUE), NAMED(IFF_TUN_EXCL),
  NAMED(IFF_PERSIST), NAMED(IFF_ATTACH_QUEUE), NAMED(IFF_DETACH_QUEUE),
  NAMED(TUN_F_CSUM), NAMED(TUN_F_TSO4), NAMED(TUN_F_TSO6), NAMED(TUN_F_TSO_ECN), NAMED(TUN_F_UFO),
};

constexpr Named features[] = {
  NAMED(VIRTIO_F_NOTIFY_ON_EMPTY), NAMED(VIRTIO_F_ANY_LAYOUT), NAMED(VIRTIO_F_VERSION_1),
  NAMED(VIRTIO_F_ACCESS_PLATFORM), Named{"VIRTIO_F_IOMMU_PLATFORM", VIRTIO_F_ACCESS_PLATFORM},
  NAMED(VIRTIO_F_RING_PACKED), NAMED(VIRTIO_F_IN_ORDER), NAMED(VIRTIO_F_ORDER_PLATFORM),
  NAMED(VIRTIO_F_SR_IOV), NAMED(VIRTIO_RING_F_INDIRECT_DESC), NAMED(VIRTIO_RING_F_EVENT_IDX),
  // linux/virtio_net.h, which is no C++
  Named{"VIRTIO_NET_F_CSUM", 0}, Named{"VIRTIO_NET_F_GUEST_CSUM", 1}, Named{"VIRTIO_NET_F_MTU", 3},
  Named{"VIRTIO_NET_F_MRG_RXBUF", 15}, Named{"VIRTIO_NET_F_MQ", 22},
  Named{"VIRTIO_NET_F_HASH_REPORT", 57},
  NAMED(VHOST_F_LOG_ALL), NAMED(VHOST_NET_F_VIRTIO_NET_HDR),
  NAMED(VHOST_BACKEND_F_IOTLB_MSG_V2), NAMED(VHOST_BACKEND_F_IOTLB_BATCH),
  NAMED(VHOST_BACKEND_F_IOTLB_ASID),
};

constexpr Named errnos[] = {
  NAMED(EPERM), NAMED(ENOENT), NAMED(ESRCH), NAMED(EINTR), NAMED(EIO), NAMED(ENXIO), NAMED(E2BIG),
  NAMED(ENOEXEC), NAMED(EBADF), NAMED(ECHILD), NAMED(EAGAIN), NAMED(ENOMEM), NAMED(EACCES),
  NAMED(EFAULT), NAMED(ENOTBLK), NAMED(EBUSY), NAMED(EEXIST), NAMED(EXDEV), NAMED(ENODEV),
  NAMED(ENOTDIR), NAMED(EISDIR), NAMED(EINVAL), NAMED(ENFILE), NAMED(EMFILE), NAMED(ENOTTY),
  NAMED(ETXTBSY), NAMED(EFBIG), NAMED(ENOSPC), NAMED(ESPIPE), NAMED(EROFS), NAMED(EMLINK),
  NAMED(EPIPE), NAMED(EDOM), NAMED(ERANGE), NAMED(EDEADLK), NAMED(ENAMETOOLONG), NAMED(ENOLCK),
  NAMED(ENOSYS), NAMED(ENOTEMPTY), NAMED(ELOOP), NAMED(ENOMSG), NAMED(ENODATA), NAMED(ETIME),
  NAMED(ENOLINK), NAMED(EPROTO), NAMED(EBADMSG), NAMED(EOVERFLOW), NAMED(EBADFD), NAMED(EUSERS),
  NAMED(ENOTSOCK), NAMED(EDESTADDRREQ), NAMED(EMSGSIZE), NAMED(EPROTOTYPE), NAMED(ENOPROTOOPT),
  NAMED(EPROTONOSUPPORT), NAMED(ESOCKTNOSUPPORT), NAMED(EOPNOTSUPP), NAMED(EPFNOSUPPORT),
  NAMED(EAFNOSUPPORT), NAMED(EADDRINUSE), NAMED(EADDRNOTAVAIL), NAMED(ENETDOWN),
  NAMED(ENETUNREACH), NAMED(ECONNABORTED), NAMED(ECONNRESET), NAMED(ENOBUFS), NAMED(EISCONN),
  NAMED(ENOTCONN), NAMED(ESHUTDOWN), NAMED(ETIMEDOUT), NAMED(ECONNREFUSED), NAMED(EHOSTDOWN),
  NAMED(EHOSTUNREACH), NAMED(EALREADY), NAMED(EINPROGRESS), NAMED(ESTALE), NAMED(EDQUOT),
  NAMED(ECANCELED), NAMED(EOWNERDEAD), NAMED(ENOTRECOVERABLE),
};
// clang-format on

#undef NAMED

struct Provided {
  std::string_view what;
  std::string_view config;
};

constexpr Provided devices[] = {
    {"/dev/vhost-net", "CONFIG_VHOST_NET"},
    {"/dev/vhost-vsock", "CONFIG_VHOST_VSOCK"},
    {"/dev/vhost-scsi", "CONFIG_VHOST_SCSI"},
    {"/dev/net/tun", "CONFIG_TUN"},
    {"/dev/kvm", "CONFIG_KVM"},
    {"/dev/vfio/vfio", "CONFIG_VFIO"},
    {"/dev/userfaultfd", "CONFIG_USERFAULTFD"},
    {"/dev/fuse", "CONFIG_FUSE_FS"},
    {"/dev/vsock", "CONFIG_VSOCKETS"},
    {"/dev/loop-control", "CONFIG_BLK_DEV_LOOP"},
};

template<std::size_t N> const Named* find(const Named (&table)[N], std::string_view name) {
  const Named* found = std::find_if(std::begin(table), std::end(table),
                                    [&](const Named& entry) { return entry.name == name; });
  return found == std::end(table) ? nullptr : found;
}

template<std::size_t N> std::vector<std::string> names_of(const Named (&table)[N]) {
  std::vector<std::string> names;
  for (const Named& entry : table)
    names.emplace_back(entry.name);
  return names;
}

} // namespace

std::optional<std::uint64_t> constant(std::string_view name) {
  const Named* found = find(constants, name);
  if (!found)
    return std::nullopt;
  return found->value;
}

std::vector<std::string> constant_names() { return names_of(constants); }

std::optional<unsigned> feature_bit(std::string_view name) {
  const Named* found = find(features, name);
  if (!found)
    return std::nullopt;
  return static_cast<unsigned>(found->value);
}

std::vector<std::string> feature_names() { return names_of(features); }

std::optional<std::int32_t> errno_number(std::string_view name) {
  const Named* found = find(errnos, name);
  if (!found)
    return std::nullopt;
  return static_cast<std::int32_t>(found->value);
}

std::vector<std::string> errno_names() { return names_of(errnos); }

std::string errno_name(std::int32_t number) {
  for (const Named& entry : errnos)
    if (entry.value == static_cast<std::uint64_t>(number))
      return std::string(entry.name);
  return std::to_string(number);
}

std::string config_of_device(std::string_view path) {
  for (const Provided& device : devices)
    if (device.what == path)
      return std::string(device.config);
  return "";
}

std::string config_of_family(std::uint64_t family) {
  switch (family) {
  case AF_UNIX:
    return "CONFIG_UNIX";
  case AF_INET:
    return "CONFIG_INET";
  case AF_INET6:
    return "CONFIG_IPV6";
  case AF_PACKET:
    return "CONFIG_PACKET";
  case AF_VSOCK:
    return "CONFIG_VSOCKETS";
  default:
    return "";
  }
}

} // namespace harness
