#include "harness/backend/qemu_monitor.hpp"

#include <string>

#include <catch2/catch.hpp>

namespace {

const std::string two_cpus =
    "\r\nCPU#0\r\n"
    "RAX=0000000000000001 RBX=ffffffff82612940 RCX=0000000000000003 RDX=0000000000000004\r\n"
    "RSI=0000000000000005 RDI=0000000000000006 RBP=ffffffff82603e30 RSP=ffffffff82603e28\r\n"
    "R8 =0000000000000008 R9 =0000000000000009 R10=000000000000000a R11=000000000000000b\r\n"
    "R12=000000000000000c R13=000000000000000d R14=000000000000000e R15=000000000000000f\r\n"
    "RIP=ffffffff81a71f8b RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1\r\n"
    "ES =0000 0000000000000000 ffffffff 00c00000\r\n"
    "CS =0010 0000000000000000 ffffffff 00af9b00 DPL=0 CS64 [-RA]\r\n"
    "FS =0000 0000000000000000 ffffffff 00c00000\r\n"
    "GS =0000 ffff88801f600000 ffffffff 00c00000\r\n"
    "GDT=     fffffe0000001000 0000007f\r\n"
    "CR0=80050033 CR2=00007f0000000000 CR3=0000000002610000 CR4=003006f0\r\n"
    "EFER=0000000000000d01\r\n"
    "\r\nCPU#1\r\n"
    "RAX=ffffffffffffffda RBX=0000000000000000 RCX=0000000000000000 RDX=0000000000000000\r\n"
    "RIP=0000000000401234 RFL=00000202 [-------] CPL=3 II=0 A20=1 SMM=0 HLT=0\r\n"
    "GS =0000 0000000000000000 ffffffff 00c00000\r\n";

} // namespace

TEST_CASE("registers are read from QEMU's monitor") {
  const auto cpus = harness::parse_registers(two_cpus);
  REQUIRE(cpus.size() == 2);
  CHECK(cpus[0].general[0] == 1);
  CHECK(cpus[0].general[3] == 0xffffffff82612940);
  CHECK(cpus[0].general[1] == 3);
  CHECK(cpus[0].general[2] == 4);
  CHECK(cpus[0].general[4] == 0xffffffff82603e28);
  CHECK(cpus[0].general[5] == 0xffffffff82603e30);
  CHECK(cpus[0].general[6] == 5);
  CHECK(cpus[0].general[7] == 6);
  for (std::size_t i = 8; i < 16; ++i)
    CHECK(cpus[0].general[i] == i);
  CHECK(cpus[0].rip == 0xffffffff81a71f8b);
  CHECK(cpus[0].rflags == 0x246);
  CHECK(cpus[0].cr3 == 0x2610000);
  CHECK(cpus[0].gs_base == 0xffff88801f600000);
  CHECK(!cpus[0].user);
  CHECK(cpus[0].halted);
  CHECK(cpus[1].general[0] == 0xffffffffffffffda);
  CHECK(cpus[1].rip == 0x401234);
  CHECK(cpus[1].user);
  CHECK(!cpus[1].halted);
}

TEST_CASE("an answer that is cut or no answer makes no registers up") {
  CHECK(harness::parse_registers("").empty());
  CHECK(harness::parse_registers("unknown command: 'info registers'\r\n").empty());
  CHECK(harness::parse_registers("RIP=ffffffff81a71f8b\r\n").empty());
  for (std::size_t size = 0; size <= two_cpus.size(); ++size)
    CHECK(harness::parse_registers(std::string_view(two_cpus).substr(0, size)).size() <= 2);
  const auto odd = harness::parse_registers("CPU#0\nRIP= RFL=xyz CPL=\nGS =0000\n");
  REQUIRE(odd.size() == 1);
  CHECK(odd[0].rip == 0);
  CHECK(odd[0].gs_base == 0);
}
