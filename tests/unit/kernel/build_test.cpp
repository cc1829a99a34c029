#include <catch2/catch.hpp>

#include <cstdlib>
#include <unistd.h>

#include "harness/kernel/build.hpp"
#include "harness/kernel/store.hpp"
#include "tests/unit/kernel/repository.hpp"
#include "vmm/base/error.hpp"

using namespace harness;
namespace fs = std::filesystem;

namespace {

// The targets that a kernel tree has for us, and no more: "vmlinux" is what a.c is compiled to.
constexpr const char* makefile = R"(VERSION = 6
PATCHLEVEL = 1
SUBLEVEL = 7
tinyconfig:
	echo '# CONFIG_A is not set' > $(O)/.config
olddefconfig:
	sed -i '/CONFIG_GONE/d' $(O)/.config
	echo run >> $(O)/configured
vmlinux: $(O)/vmlinux
$(O)/vmlinux: a.c
	@echo "  CC      a.o"
	$(CC) -c -o $@ $<
	mkdir -p $(O)/include/config
	echo 6.1.7 > $(O)/include/config/kernel.release
bzImage: vmlinux
	mkdir -p $(O)/arch/x86/boot
	echo '$(LOCALVERSION)$(STRAY)$(KBUILD_BUILD_USER)' > $(O)/arch/x86/boot/bzImage
.PHONY: tinyconfig olddefconfig vmlinux bzImage
)";

class Kernel {
 public:
  Kernel() {
    repository.write("Makefile", makefile);
    repository.write("a.c", "int a;\n");
    base::write_file(images() / "kernel/base.config", "CONFIG_A=y\n");
    base::write_file(images() / "toolchains.toml",
                     "[[toolchain]]\nname = \"all\"\nfrom = \"5.0\"\ncompiler = \"gcc\"\n");
    good = repository.commit("good");
  }
  fs::path images() const { return repository.folder() / "images"; }
  fs::path cache() const { return repository.folder() / "cache"; }
  KernelSpec spec() const {
    KernelSpec spec;
    spec.tree = repository.path();
    spec.config = {"base"};
    spec.images = images();
    spec.cache = cache();
    return spec;
  }
  BuildResult build(const std::string& sha) const { return Builder(spec()).build(sha); }
  std::string change(const std::string& file, const std::string& text) const {
    repository.write(file, text);
    return repository.commit("change of " + file);
  }
  // The folder of objects, of which there is one.
  fs::path objects() const {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(cache() / "trees"))
      if (entry.path().filename().string().substr(0, 4) == "obj-")
        return entry.path();
    return {};
  }
  test::Repository repository;
  std::string good;
};

std::size_t entries(const fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

} // namespace

TEST_CASE("a kernel is built once, and then comes from the store") {
  const Kernel kernel;
  Builder builder(kernel.spec());
  std::vector<std::string> said;
  const BuildResult built =
      builder.build(kernel.good, [&](const std::string& line) { said.push_back(line); });
  REQUIRE(built.image);
  CHECK(!built.from_store);
  CHECK(said == std::vector<std::string>{"checkout " + kernel.good.substr(0, 12), "config",
                                         "CC a.o", "store"});
  CHECK(built.image->release == "6.1.7");
  CHECK(built.image->compiler == builder.compiler(kernel.good));
  CHECK(built.image->built_in == builder.checkout().path());
  CHECK(base::read_file(built.image->config) == "# CONFIG_A is not set\nCONFIG_A=y\n");
  CHECK(base::read_file(built.log).find("CC      a.o") != std::string::npos);
  CHECK(fs::status(built.image->vmlinux).permissions() == fs::perms(0444));
  CHECK(entries(kernel.cache() / "kernels") == 1);
  fs::remove_all(kernel.cache() / "trees");
  const BuildResult again = kernel.build(kernel.good);
  REQUIRE(again.image);
  CHECK(again.from_store);
  CHECK(again.image->vmlinux == built.image->vmlinux);
  CHECK(again.image->release == "6.1.7");
  CHECK(again.compiler == built.compiler);
  CHECK(!fs::exists(kernel.cache() / "trees"));
}

TEST_CASE("the key is one of the tree's content and of how it is built") {
  const Kernel kernel;
  const auto key = [&](const std::string& sha) { return Builder(kernel.spec()).key(sha); };
  const std::string before = key(kernel.good);
  CHECK(before.size() == 64);
  CHECK(key(kernel.repository.commit("same content")) == before);
  CHECK(key(kernel.change("a.c", "int b;\n")) != before);
  SECTION("comments and order in a fragment change nothing") {
    base::write_file(kernel.images() / "kernel/base.config", "CONFIG_A=y\nCONFIG_B=y\n");
    const std::string two = key(kernel.good);
    CHECK(two != before);
    base::write_file(kernel.images() / "kernel/base.config",
                     "# optional: words\nCONFIG_B=y\n\nCONFIG_A=y\n");
    CHECK(key(kernel.good) == two);
    base::write_file(kernel.images() / "kernel/base.config", "CONFIG_A=y\n");
    CHECK(key(kernel.good) == before);
  }
  SECTION("an option does") {
    base::write_file(kernel.images() / "kernel/base.config", "CONFIG_A=m\n");
    CHECK(key(kernel.good) != before);
  }
  SECTION("a make variable does") {
    const fs::path table = kernel.images() / "toolchains.toml";
    base::write_file(table, base::read_file(table) + "make.HOSTCC = \"gcc -w\"\n");
    CHECK(key(kernel.good) != before);
  }
}

TEST_CASE("a kernel that does not build is a value, and remembered") {
  const Kernel kernel;
  const std::string bad = kernel.change("a.c", "int a = foo;\n");
  const BuildResult result = kernel.build(bad);
  CHECK(!result.image);
  CHECK(!result.from_store);
  CHECK(result.error.substr(0, 9) == "a.c:1:9: ");
  CHECK(result.error.find("undeclared") != std::string::npos);
  CHECK(base::read_file(result.log).find("undeclared") != std::string::npos);
  const BuildResult again = kernel.build(bad);
  CHECK(again.from_store);
  CHECK(again.error == result.error);
  CHECK(again.log == result.log);
  KernelSpec spec = kernel.spec();
  spec.retry_failed = true;
  CHECK(!Builder(spec).build(bad).from_store);
  CHECK(kernel.build(kernel.good).image);
}

TEST_CASE("a failure of the machine is an error, and not remembered") {
  const Kernel kernel;
  const std::string full = kernel.change(
      "Makefile", std::string(makefile) + "all-fail:\n\nvmlinux: fail\nfail:\n"
                                          "\t@echo 'cc1: No space left on device'; exit 1\n");
  CHECK_THROWS_WITH(kernel.build(full), Catch::Contains("the disk is full"));
  CHECK(entries(kernel.cache() / "kernels") == 0);
  CHECK(kernel.build(kernel.good).image);
}

TEST_CASE("an option that did not survive is an error with its place") {
  const Kernel kernel;
  base::write_file(kernel.images() / "kernel/gone.config", "# words\nCONFIG_GONE=y\n");
  KernelSpec spec = kernel.spec();
  spec.config.emplace_back("gone");
  CHECK_THROWS_AS(Builder(spec).build(kernel.good), ConfigError);
  CHECK_THROWS_WITH(Builder(spec).build(kernel.good),
                    Catch::Contains("gone.config:2: CONFIG_GONE=y did not survive"));
  base::write_file(kernel.images() / "kernel/gone.config", "# optional\nCONFIG_GONE=y\n");
  CHECK(Builder(spec).build(kernel.good).image);
}

TEST_CASE("the configuration is made again only where its sources changed") {
  const Kernel kernel;
  const auto configured = [&] {
    return base::read_file(kernel.objects() / "configured").size() / 4;
  };
  kernel.build(kernel.good);
  CHECK(configured() == 1);
  kernel.build(kernel.change("a.c", "int b;\n"));
  CHECK(configured() == 1);
  kernel.build(kernel.change("drivers/Kconfig", "config B\n"));
  CHECK(configured() == 2);
}

TEST_CASE("the caller's environment does not reach make") {
  const Kernel kernel;
  ::setenv("STRAY", "stray", 1);
  ::setenv("LOCALVERSION", "-mine", 1);
  ::setenv("MAKEFLAGS", "-n", 1);
  const BuildResult result = kernel.build(kernel.good);
  for (const char* name : {"STRAY", "LOCALVERSION", "MAKEFLAGS"})
    ::unsetenv(name);
  REQUIRE(result.image);
  CHECK(base::read_file(result.image->bzimage) == "krepro\n");
}

TEST_CASE("a failure that old objects may cause is tried again without them") {
  const Kernel kernel;
  const std::string picky = kernel.change(
      "Makefile", std::string(makefile) + "vmlinux: check\ncheck:\n\t@test ! -e $(O)/stale\n");
  kernel.build(kernel.good);
  base::write_file(kernel.objects() / "stale", "");
  std::string said;
  const BuildResult result =
      Builder(kernel.spec()).build(picky, [&](const std::string& line) { said += line + "\n"; });
  CHECK(result.image);
  CHECK(said.find("again, from an empty folder: make: ***") != std::string::npos);
}

TEST_CASE("objects of a killed build are not trusted") {
  const Kernel kernel;
  kernel.build(kernel.good);
  const std::string other = kernel.change("other", "a.c is as before\n");
  base::write_file(kernel.objects() / ".krepro-building", "");
  base::write_file(kernel.objects() / "vmlinux", "half");
  const BuildResult result = kernel.build(other);
  REQUIRE(result.image);
  CHECK(base::read_file(result.image->vmlinux).substr(1, 3) == "ELF");
  CHECK(!fs::exists(kernel.objects() / ".krepro-building"));
}

TEST_CASE("the parts of killed builds are swept, those of living ones are not") {
  const Kernel kernel;
  const fs::path kernels = kernel.cache() / "kernels";
  const fs::path dead = kernels / ".tmp-999999999-abc";
  const fs::path living = kernels / (".tmp-" + std::to_string(::getppid()) + "-abc");
  base::write_file(dead / "vmlinux", "half");
  base::write_file(living / "vmlinux", "half");
  kernel.build(kernel.good);
  CHECK(!fs::exists(dead));
  CHECK(fs::exists(living));
}

TEST_CASE("fixups change our checkout and never the user's tree") {
  const Kernel kernel;
  const fs::path table = kernel.images() / "toolchains.toml";
  base::write_file(table, base::read_file(table) +
                              "[[toolchain.fixup]]\nfile = \"a.c\"\nfind = \"broken\"\n"
                              "replace = \"int\"\nif_found = true\n");
  const std::string broken = kernel.change("a.c", "broken a;\n");
  const auto before = test::snapshot(kernel.repository.path());
  CHECK(kernel.build(broken).image);
  CHECK(kernel.build(kernel.good).image);
  CHECK(test::snapshot(kernel.repository.path()) == before);
}

TEST_CASE("a file is copied whole") {
  const base::TempDir folder(fs::temp_directory_path(), "krepro-test-");
  const std::string text(3'000'000, 'x');
  base::write_file(folder.path() / "from", text);
  clone_file(folder.path() / "from", folder.path() / "to");
  CHECK(base::read_file(folder.path() / "to") == text);
  CHECK_THROWS_AS(clone_file(folder.path() / "none", folder.path() / "to"), base::SysError);
}
