#include "harness/backend/command_line.hpp"

namespace harness {

// earlyprintk: a panic before the console driver is up is seen; last, so that a "quiet" of append
// holds for it too (the first earlyprintk counts: append can still override it). loglevel: some
// distribution kernels print only errors, and half of a report is lower; boot messages cost no
// measurable time. panic=0: a panicked guest stands still, so that a reset is a triple fault or
// asked for. unknown_nmi_panic: the NMI of a dead guest shows where it stands. tsc: under TCG the
// clocksource watchdog sees the host's load as drift. pci=off: krepro's machine has no PCI, and its
// absence takes 400 exits to find out. nokaslr: addresses are those of vmlinux.
std::string command_line(const std::string& append, Hypervisor hypervisor) {
  std::string line =
      "console=ttyS0,115200 loglevel=7 nokaslr panic=0 reboot=t unknown_nmi_panic mitigations=off";
  if (hypervisor == Hypervisor::tcg)
    line += " tsc=reliable";
  if (hypervisor == Hypervisor::krepro)
    line += " pci=off";
  if (!append.empty())
    line += " " + append;
  return line + " earlyprintk=ttyS0,115200";
}

} // namespace harness
