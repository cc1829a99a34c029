// Symbolic constants of sequences: the kernel's own names, as numbers of this architecture.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace harness {

// "O_RDWR", "VHOST_SET_OWNER", "IFF_TAP"; nothing where unknown.
std::optional<std::uint64_t> constant(std::string_view name);
std::vector<std::string> constant_names();

// The bit number of a virtio or vhost feature: "VIRTIO_F_VERSION_1" is 32.
std::optional<unsigned> feature_bit(std::string_view name);
std::vector<std::string> feature_names();

// "EFAULT" is 14.
std::optional<std::int32_t> errno_number(std::string_view name);
std::vector<std::string> errno_names();
// The other way; the number as text where it has no name.
std::string errno_name(std::int32_t number);

// The kernel option that a device needs: "/dev/vhost-net" gives "CONFIG_VHOST_NET"; "" where
// unknown.
std::string config_of_device(std::string_view path);
// The same of a socket family (AF_VSOCK); "" where every kernel has it or it is unknown.
std::string config_of_family(std::uint64_t family);

} // namespace harness
