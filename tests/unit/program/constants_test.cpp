#include "harness/program/constants.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>

using namespace harness;

TEST_CASE("constants have the kernel's values") {
  CHECK(constant("VHOST_SET_OWNER") == 0xaf01u);
  CHECK(constant("VHOST_SET_FEATURES") == 0x4008af00u);
  CHECK(constant("VHOST_VSOCK_SET_GUEST_CID") == 0x4008af60u);
  CHECK(constant("TUNSETIFF") == 0x400454cau);
  CHECK(constant("MAP_ANONYMOUS") == 0x20u);
  CHECK_FALSE(constant("VHOST_NO_SUCH"));
  CHECK(feature_bit("VIRTIO_F_ACCESS_PLATFORM") == 33u);
  CHECK(feature_bit("VIRTIO_F_VERSION_1") == 32u);
  CHECK(feature_bit("VHOST_BACKEND_F_IOTLB_MSG_V2") == 1u);
  CHECK_FALSE(feature_bit("VHOST_SET_OWNER"));
}

TEST_CASE("errno has names both ways") {
  CHECK(errno_number("EFAULT") == EFAULT);
  CHECK(errno_number("EOPNOTSUPP") == EOPNOTSUPP);
  CHECK_FALSE(errno_number("EWHAT"));
  CHECK(errno_name(EINVAL) == "EINVAL");
  CHECK(errno_name(9999) == "9999");
}

TEST_CASE("no name is there twice") {
  for (std::vector<std::string> names : {constant_names(), feature_names(), errno_names()}) {
    std::sort(names.begin(), names.end());
    CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
  }
}
