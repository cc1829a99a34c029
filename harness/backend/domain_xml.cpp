#include "harness/backend/domain_xml.hpp"

#include <string_view>

#include <fmt/format.h>

namespace harness {

namespace {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
    case '&':
      out += "&amp;";
      break;
    case '<':
      out += "&lt;";
      break;
    case '>':
      out += "&gt;";
      break;
    case '\'':
      out += "&apos;";
      break;
    case '"':
      out += "&quot;";
      break;
    default:
      out += c;
    }
  }
  return out;
}

// TCG: an Intel model whose features kernels from v4.7 on handle without quirks (QEMU's default
// model is an early AMD one, with the C1E workaround and an unstable TSC), and the three that
// matter to a test: SMEP and SMAP catch wrong user pointers, RDRAND fills the entropy pool at once.
constexpr const char* tcg_cpu = R"(<cpu mode='custom' match='exact' check='none'>
    <model fallback='allow'>Nehalem</model>
    <feature policy='require' name='smep'/>
    <feature policy='require' name='smap'/>
    <feature policy='require' name='rdrand'/>
  </cpu>)";

constexpr const char* kvm_cpu = "<cpu mode='host-passthrough' check='none'/>";

// QEMU connects at its start, before the guest runs: no byte is lost.
std::string serial_port(unsigned port, const std::filesystem::path& socket) {
  return fmt::format(R"(
    <serial type='unix'>
      <source mode='connect' path='{}'/>
      <target type='isa-serial' port='{}'><model name='isa-serial'/></target>
    </serial>)",
                     escaped(socket.native()), port);
}

} // namespace

// memfd: krepro can read the guest's memory (memory_file.hpp), also when QEMU has ended.
// -no-reboot: libvirt alone would let a guest that resets start again before it ends it.
std::string domain_xml(const DomainPlan& plan) {
  return fmt::format(
      R"(<domain type='{type}' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>{name}</name>
  <memory unit='b'>{memory}</memory>
  <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
  <vcpu>{cpus}</vcpu>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>{kernel}</kernel>
    <initrd>{initramfs}</initrd>
    <cmdline>{command_line}</cmdline>
  </os>
  <features><acpi/><apic/></features>
  {cpu}
  <clock offset='utc'/>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>destroy</on_reboot>
  <on_crash>destroy</on_crash>
  {security}
  <devices>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>{console}{channel}
  </devices>
  <qemu:commandline><qemu:arg value='-no-reboot'/></qemu:commandline>
</domain>
)",
      fmt::arg("type", plan.kvm ? "kvm" : "qemu"), fmt::arg("name", escaped(plan.name)),
      fmt::arg("memory", plan.memory), fmt::arg("cpus", plan.cpus),
      fmt::arg("kernel", escaped(plan.kernel.native())),
      fmt::arg("initramfs", escaped(plan.initramfs.native())),
      fmt::arg("command_line", escaped(plan.command_line)),
      fmt::arg("cpu", plan.kvm ? kvm_cpu : tcg_cpu), fmt::arg("security", plan.security),
      fmt::arg("console", serial_port(0, plan.console)),
      fmt::arg("channel", serial_port(1, plan.channel)));
}

} // namespace harness
