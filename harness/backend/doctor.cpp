#include "harness/backend/doctor.hpp"

#include <fmt/format.h>

#include "harness/backend/libvirt_api.hpp"
#include "harness/backend/libvirt_connection.hpp"
#include "harness/backend/libvirt_uri.hpp"
#include "vmm/base/child.hpp"
#include "vmm/base/error.hpp"
#include "vmm/base/text.hpp"
#include "vmm/probe.hpp"

namespace harness {

namespace {

Check check_kvm() {
  const vmm::KvmProbe probe = vmm::probe_kvm();
  Check check{"kvm", probe.usable, false, probe.reason, ""};
  if (probe.usable)
    check.detail += ": guests run on krepro's own machine";
  else
    check.mend = "nothing to do: guests run under libvirt's QEMU, emulated and more slowly; on a "
                 "machine with hardware virtualization, make /dev/kvm accessible to this user";
  return check;
}

Check check_qemu() {
  Check check{"qemu", false, true, "", ""};
  try {
    base::Command version;
    version.argv = {"qemu-system-x86_64", "--version"};
    version.deadline = std::chrono::seconds(20);
    const std::string text = base::check_output(version);
    check.ok = true;
    check.detail = base::printable(text.substr(0, text.find('\n')));
  } catch (const base::Error& error) {
    check.detail = error.what();
    check.mend = "apt-get install qemu-system-x86";
  }
  return check;
}

// 9000000 is 9.0.0.
std::string version_text(unsigned long version) {
  return fmt::format("{}.{}.{}", version / 1'000'000, version / 1'000 % 1'000, version % 1'000);
}

Check check_libvirt(const std::filesystem::path& folder, const std::filesystem::path& cache) {
  Check check{"libvirt", false, true, "", ""};
  try {
    const EmbedRoot root(folder / "libvirt", cache);
    const Connection connection(root.uri(), folder / "libvirt.log");
    unsigned long library = 0;
    unsigned long qemu = 0;
    if (libvirt().virConnectGetLibVersion(connection.get(), &library) != 0 ||
        libvirt().virConnectGetVersion(connection.get(), &qemu) != 0)
      throw base::Error(libvirt_error());
    root.save_capabilities();
    check.ok = true;
    check.detail = fmt::format("libvirt {} runs QEMU {} inside this process", version_text(library),
                               version_text(qemu));
  } catch (const base::Error& error) {
    check.detail = error.what();
    check.mend = "apt-get install libvirt-daemon libvirt-daemon-driver-qemu libvirt-daemon-system";
  }
  return check;
}

} // namespace

std::vector<Check> check_guests(const std::filesystem::path& folder,
                                const std::filesystem::path& cache) {
  return {check_kvm(), check_qemu(), check_libvirt(folder, cache)};
}

} // namespace harness
