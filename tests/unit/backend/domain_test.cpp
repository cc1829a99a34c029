#include "harness/backend/command_line.hpp"
#include "harness/backend/domain_xml.hpp"

#include <catch2/catch.hpp>

#include "harness/backend/backend.hpp"
#include "harness/backend/domain_events.hpp"
#include "harness/backend/libvirt_uri.hpp"
#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"

using Catch::Contains;

namespace {

harness::DomainPlan plan() {
  harness::DomainPlan plan;
  plan.name = "run-1";
  plan.kernel = "/k/vmlinux";
  plan.initramfs = "/s/initramfs";
  plan.command_line = "console=ttyS0 a=\"<&>'\"";
  plan.cpus = 3;
  plan.memory = 536870912;
  plan.console = "/s/1.console";
  plan.channel = "/s/1.channel";
  return plan;
}

} // namespace

TEST_CASE("a domain says what the plan says") {
  const std::string xml = harness::domain_xml(plan());
  CHECK_THAT(xml, Contains("<domain type='qemu'"));
  CHECK_THAT(xml, Contains("<name>run-1</name>"));
  CHECK_THAT(xml, Contains("<memory unit='b'>536870912</memory>"));
  CHECK_THAT(xml, Contains("<vcpu>3</vcpu>"));
  CHECK_THAT(xml, Contains("<kernel>/k/vmlinux</kernel>"));
  CHECK(xml.find("/s/1.console") < xml.find("/s/1.channel"));
}

TEST_CASE("markup in a command line is escaped") {
  CHECK_THAT(harness::domain_xml(plan()),
             Contains("<cmdline>console=ttyS0 a=&quot;&lt;&amp;&gt;&apos;&quot;</cmdline>"));
}

TEST_CASE("a KVM domain gets the host's CPU, a TCG one a fixed model") {
  harness::DomainPlan kvm = plan();
  kvm.kvm = true;
  CHECK_THAT(harness::domain_xml(kvm), Contains("<domain type='kvm'"));
  CHECK_THAT(harness::domain_xml(kvm), Contains("host-passthrough"));
  CHECK_THAT(harness::domain_xml(plan()), !Contains("host-passthrough"));
}

TEST_CASE(
    "what is appended to the command line comes last, but for earlyprintk: the first one counts") {
  const std::string line = harness::command_line("panic=5", harness::Hypervisor::tcg);
  CHECK_THAT(line, Catch::EndsWith(" panic=5 earlyprintk=ttyS0,115200"));
  CHECK_THAT(line, Contains("console=ttyS0"));
  CHECK_THAT(line, Contains("tsc=reliable"));
  CHECK_THAT(harness::command_line("", harness::Hypervisor::qemu_kvm), !Contains("tsc="));
}

TEST_CASE("only QEMU on this machine is accepted") {
  CHECK_NOTHROW(harness::check_local_qemu("qemu:///system"));
  CHECK_NOTHROW(harness::check_local_qemu("qemu:///session"));
  CHECK_NOTHROW(harness::check_local_qemu("qemu+unix:///system?socket=/run/x"));
  CHECK_THROWS_WITH(harness::check_local_qemu("qemu+ssh://host/system"),
                    Contains("other machines are not supported"));
  CHECK_THROWS_WITH(harness::check_local_qemu("qemu://host/system"),
                    Contains("other machines are not supported"));
  CHECK_THROWS_WITH(harness::check_local_qemu("xen:///system"), Contains("driver 'xen'"));
  CHECK_THROWS_WITH(harness::check_local_qemu("system"), Contains("not a libvirt URI"));
}

TEST_CASE("backend names are checked") {
  const base::TempDir dir("/tmp", "krepro-test-");
  CHECK_THROWS_WITH(harness::make_backend("libvrit", dir.path(), dir.path()),
                    Contains("did you mean 'libvirt'?"));
  CHECK_THROWS_AS(harness::make_backend("libvirt:", dir.path(), dir.path()), base::UsageError);
  CHECK_THROWS_AS(harness::make_backend("libvirt:lxc:///", dir.path(), dir.path()),
                  base::UsageError);
}

TEST_CASE("each security model of a daemon gets a label") {
  const std::string capabilities = "<host><secmodel>\n<model>apparmor</model><doi>0</doi>"
                                   "</secmodel><secmodel><model>dac</model></secmodel></host>";
  const std::string labels = harness::security_labels(capabilities, 1000, 100);
  CHECK_THAT(labels, Contains("<seclabel type='none' model='apparmor'/>"));
  CHECK_THAT(labels, Contains("model='dac' relabel='no'><label>+1000:+100</label>"));
  CHECK(harness::security_labels("<host/>", 0, 0).empty());
}

TEST_CASE("the reason of a shutdown event is found") {
  CHECK(harness::shutdown_reason(R"({"guest": true, "reason": "guest-reset"})") == "guest-reset");
  CHECK(harness::shutdown_reason(R"({"reason":"guest-shutdown","guest":true})") ==
        "guest-shutdown");
  CHECK(harness::shutdown_reason(R"({"guest": true})") == "unknown");
  CHECK(harness::shutdown_reason("{\"reason\"") == "unknown");
  CHECK(harness::shutdown_reason("") == "unknown");
}

TEST_CASE("what libvirt learned about QEMU goes to the cache and comes back") {
  const base::TempDir dir("/tmp", "krepro-test-");
  const auto cache = dir.path() / "cache";
  const harness::EmbedRoot first(dir.path() / "one", cache);
  base::write_file(dir.path() / "one/cache/qemu/capabilities/ab.xml", "learned");
  first.save_capabilities();
  CHECK(base::read_file(cache / "ab.xml") == "learned");
  const harness::EmbedRoot second(dir.path() / "two", cache);
  CHECK(base::read_file(dir.path() / "two/cache/qemu/capabilities/ab.xml") == "learned");
  CHECK(second.uri() == "qemu:///embed?root=" + (dir.path() / "two").string());
}
