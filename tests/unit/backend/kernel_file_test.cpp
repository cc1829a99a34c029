#include "harness/backend/kernel_file.hpp"

#include <cstring>
#include <elf.h>
#include <string>

#include <catch2/catch.hpp>

#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"

namespace {

template<class T> void append(std::string& bytes, const T& value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

std::string note(const std::string& name, std::uint32_t type, std::uint32_t claimed_size) {
  std::string bytes;
  append(bytes, Elf64_Nhdr{static_cast<Elf64_Word>(name.size() + 1), claimed_size, type});
  bytes += name;
  bytes.resize((bytes.size() + 4) & ~std::size_t{3});
  bytes.append(8, '\0');
  return bytes;
}

// An ELF file with one segment of notes.
std::string elf(const std::string& notes) {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_phoff = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 1;
  Elf64_Phdr segment{};
  segment.p_type = PT_NOTE;
  segment.p_offset = sizeof header + sizeof segment;
  segment.p_filesz = notes.size();
  std::string bytes;
  append(bytes, header);
  append(bytes, segment);
  return bytes + notes;
}

class KernelFolder {
 public:
  std::filesystem::path put(const std::string& name, const std::string& content) const {
    base::write_file(dir_.path() / name, content);
    return dir_.path() / name;
  }

 private:
  base::TempDir dir_{"/tmp", "krepro-test-"};
};

} // namespace

TEST_CASE("the PVH entry note is found among others") {
  const KernelFolder folder;
  CHECK(harness::has_pvh_entry(folder.put("a", elf(note("Linux", 0, 8) + note("Xen", 18, 8)))));
  CHECK(!harness::has_pvh_entry(folder.put("b", elf(note("Xen", 6, 8)))));
  CHECK(!harness::has_pvh_entry(folder.put("c", elf(note("GNU", 18, 8)))));
}

TEST_CASE("broken and foreign files have no PVH entry") {
  const KernelFolder folder;
  CHECK(!harness::has_pvh_entry(
      folder.put("a", elf(note("Xen", 6, 0xfffffff0) + note("Xen", 18, 8)))));
  CHECK(!harness::has_pvh_entry(folder.put("b", "")));
  CHECK(!harness::has_pvh_entry(folder.put("c", "#!/bin/sh\n")));
  CHECK(!harness::has_pvh_entry(folder.put("d", elf(note("Xen", 18, 8)).substr(0, 100))));
  CHECK_THROWS_AS(harness::has_pvh_entry("/nonexistent/vmlinux"), base::SysError);
}

TEST_CASE("vmlinux where QEMU can enter it, else the bzImage, else a clear word") {
  const KernelFolder folder;
  harness::BootSpec spec;
  spec.vmlinux = folder.put("vmlinux", elf(note("Xen", 18, 8)));
  spec.bzimage = folder.put("bzImage", "MZ");
  CHECK(harness::direct_boot_file(spec) == spec.vmlinux);
  spec.vmlinux = folder.put("old", elf(note("Linux", 0, 8)));
  CHECK(harness::direct_boot_file(spec) == spec.bzimage);
  spec.bzimage.clear();
  CHECK_THROWS_WITH(harness::direct_boot_file(spec), Catch::Contains("CONFIG_PVH"));
  spec.vmlinux.clear();
  CHECK_THROWS_AS(harness::direct_boot_file(spec), base::UsageError);
}
