// PID 1 of the contract suite's guests. The word contract=MODE of the kernel command line says what
// it does once it has written "ready\n" to the second serial port:
//   echo    sends back what comes
//   off     powers off
//   reset   restarts the machine; with reboot=t by a triple fault
//   silent  nothing, for ever
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <termios.h>
#include <unistd.h>

static int starts(const char* text, const char* word) {
  return strncmp(text, word, strlen(word)) == 0;
}

static void write_all(int fd, const char* bytes, ssize_t size) {
  while (size > 0) {
    const ssize_t n = write(fd, bytes, (size_t)size);
    if (n <= 0)
      return;
    bytes += n;
    size -= n;
  }
}

static int open_port(void) {
  const int fd = open("/dev/ttyS1", O_RDWR | O_NOCTTY);
  struct termios raw;
  if (fd >= 0 && tcgetattr(fd, &raw) == 0) {
    cfmakeraw(&raw);
    cfsetspeed(&raw, B115200);
    tcsetattr(fd, TCSANOW, &raw);
  }
  return fd;
}

int main(void) {
  static char line[4096];
  static char buffer[4096];
  mount("dev", "/dev", "devtmpfs", 0, "");
  mount("proc", "/proc", "proc", 0, "");
  const int cmdline = open("/proc/cmdline", O_RDONLY);
  if (read(cmdline, line, sizeof line - 1) <= 0)
    return 1;
  const char* mode = strstr(line, "contract=");
  mode = mode != NULL ? mode + strlen("contract=") : "silent";
  const int port = open_port();
  write_all(port, "ready\n", 6);
  tcdrain(port);
  if (starts(mode, "off"))
    reboot(RB_POWER_OFF);
  if (starts(mode, "reset"))
    reboot(RB_AUTOBOOT);
  while (starts(mode, "echo"))
    write_all(port, buffer, read(port, buffer, sizeof buffer));
  for (;;)
    pause();
}
