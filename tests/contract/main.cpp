// Runs the contract suite; exits 77 where KREPRO_TEST_KERNEL names no kernel. "--hold" boots a
// guest, prints "held" and waits to be killed.
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <unistd.h>

#include "harness/backend/initramfs.hpp"
#include "tests/contract/contract.hpp"
#include "vmm/base/files.hpp"
#include "vmm/base/log.hpp"
#include "vmm/base/warden.hpp"

namespace contract {

namespace {

namespace fs = std::filesystem;

fs::path session_folder;
Kernel test_kernel;
std::unique_ptr<harness::Backend> shared_backend;

Kernel find_kernel(const fs::path& given) {
  Kernel found;
  if (fs::is_directory(given)) {
    if (fs::exists(given / "vmlinux"))
      found.vmlinux = given / "vmlinux";
    if (fs::exists(given / "bzImage"))
      found.bzimage = given / "bzImage";
  } else if (base::read_file(given).compare(0, 4,
                                            "\x7f"
                                            "ELF") == 0) {
    found.vmlinux = given;
  } else {
    found.bzimage = given;
  }
  return found;
}

void hold() {
  harness::BootSpec spec;
  spec.name = "held";
  spec.vmlinux = test_kernel.vmlinux;
  spec.bzimage = test_kernel.bzimage;
  spec.initramfs = session_folder / "initramfs";
  const auto guest = shared_backend->boot(spec);
  std::printf("%s\n", session_folder.c_str());
  std::fflush(stdout);
  for (;;)
    ::pause();
}

} // namespace

const fs::path& session() { return session_folder; }
const Kernel& kernel() { return test_kernel; }
harness::Backend& backend() { return *shared_backend; }

int run(int argc, char** argv) {
  const char* given = std::getenv("KREPRO_TEST_KERNEL");
  if (given == nullptr || given[0] == '\0') {
    std::puts("skipped: KREPRO_TEST_KERNEL names no kernel");
    return 77;
  }
  const base::Warden warden;
  if (const char* levels = std::getenv("KREPRO_LOG"))
    base::configure_log(levels);
  session_folder = warden.folder();
  test_kernel = find_kernel(given);
  base::write_file(session_folder / "initramfs",
                   harness::make_initramfs(base::read_file(KREPRO_CONTRACT_GUEST), {}));
  shared_backend = make_contract_backend(session_folder);
  if (argc == 2 && std::strcmp(argv[1], "--hold") == 0)
    hold();
  const int failed = Catch::Session().run(argc, argv);
  shared_backend.reset();
  return failed == 0 ? 0 : 1;
}

} // namespace contract

int main(int argc, char** argv) {
  try {
    return contract::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "contract: %s\n", error.what());
    return 1;
  }
}
