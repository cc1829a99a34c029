#include "harness/backend/serial_port.hpp"

#include <cstring>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"

namespace {

base::Fd connect_to(const std::filesystem::path& path) {
  base::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  REQUIRE(::connect(fd.get(), reinterpret_cast<const struct sockaddr*>(&address), sizeof address) ==
          0);
  return fd;
}

} // namespace

TEST_CASE("a serial port carries bytes both ways and sees the end") {
  const base::TempDir dir("/tmp", "krepro-test-");
  harness::SerialPort port(dir.path() / "port");
  base::Fd machine = connect_to(port.path());
  port.accept();
  CHECK(!std::filesystem::exists(port.path()));
  CHECK(port.read().empty());
  REQUIRE(::write(machine.get(), "boot", 4) == 4);
  CHECK(port.read() == "boot");
  port.queue("frame");
  port.flush();
  CHECK(!port.has_pending());
  char buffer[8] = {};
  CHECK(::read(machine.get(), buffer, sizeof buffer) == 5);
  REQUIRE(::write(machine.get(), "last", 4) == 4);
  machine.reset();
  CHECK(port.read() == "last");
  CHECK(!port.open());
  CHECK(port.read().empty());
}

TEST_CASE("a full socket keeps what is queued, and one read is bounded") {
  const base::TempDir dir("/tmp", "krepro-test-");
  harness::SerialPort port(dir.path() / "port");
  const base::Fd machine = connect_to(port.path());
  port.accept();
  const std::string much(2 << 20, 'x');
  port.queue(much);
  port.flush();
  REQUIRE(port.has_pending());
  std::string got;
  std::string buffer(1 << 16, '\0');
  while (got.size() < much.size()) {
    const ssize_t n = ::read(machine.get(), buffer.data(), buffer.size());
    REQUIRE(n > 0);
    got.append(buffer, 0, static_cast<std::size_t>(n));
    port.flush();
  }
  CHECK((got == much));
  CHECK(!port.has_pending());
}

TEST_CASE("a socket path that is too long is an error that names it") {
  CHECK_THROWS_WITH(harness::SerialPort("/tmp/" + std::string(120, 'p')), Catch::Contains("pppp"));
}
