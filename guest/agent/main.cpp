// The agent: PID 1 of a guest. See guest/wire.hpp for its talk with the host.
#include <cstdio>
#include <fcntl.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <unistd.h>

#include "guest/agent/channel.hpp"
#include "guest/agent/prepare.hpp"
#include "guest/agent/supervisor.hpp"

int main() {
  if (::getpid() != 1) {
    ::dprintf(2, "this is krepro's guest agent: it runs as PID 1 of a guest\n");
    return 2;
  }
  guest::mount_all();
  // Descriptors 0 to 2 are open even where the initramfs had no /dev/console.
  for (int fd = ::open("/dev/null", O_RDWR); fd >= 0 && fd < 2;)
    fd = ::dup(fd);
  // Ahead of what it watches, so that heartbeats go on under load.
  ::setpriority(PRIO_PROCESS, 0, -10);
  guest::Channel channel;
  const std::string problem = channel.open("/dev/ttyS1");
  if (!problem.empty()) {
    ::dprintf(1,
              "krepro agent: %s; the kernel wants CONFIG_SERIAL_8250, CONFIG_DEVTMPFS, and a "
              "second port (8250.nr_uarts=4)\n",
              problem.c_str());
    ::sleep(1);
    ::reboot(RB_POWER_OFF);
    return 1;
  }
  guest::Supervisor(channel).run();
}
