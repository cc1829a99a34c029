#include <catch2/catch.hpp>

#include <cstdlib>

#include "harness/kernel/make.hpp"
#include "harness/kernel/toolchain.hpp"
#include "vmm/base/files.hpp"

using namespace harness;
namespace fs = std::filesystem;

namespace {

constexpr const char* table = R"(
[[toolchain]]
name = "old"
from = "4.7"
below = "4.19"
compiler = "gcc-9"
make.CC = "{compiler} -no-pie"
config = ["CONFIG_A=y", "# CONFIG_B is not set"]

[[toolchain.fixup]]
file = "a/Makefile"
find = "old"
replace = "new"

[[toolchain.fixup]]
file = "b.h"
find = "x"
replace = "y"
if_found = true

[[toolchain]]
name = "new"
from = "5.16.2"
compiler = "gcc"
)";

class Folder {
 public:
  fs::path write(const std::string& name, const std::string& text) const {
    base::write_file(dir_.path() / name, text);
    return dir_.path() / name;
  }
  const fs::path& path() const { return dir_.path(); }
  Toolchains read(const std::string& text) const { return Toolchains(write("t.toml", text)); }

 private:
  base::TempDir dir_{fs::temp_directory_path(), "krepro-test-"};
};

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  REQUIRE(text.find(what) != std::string::npos);
  return text.replace(text.find(what), what.size(), with);
}

} // namespace

TEST_CASE("a kernel's version is in its Makefile") {
  const Version version = version_of_makefile(
      "# SPDX\nVERSION = 4\nPATCHLEVEL = 8\nSUBLEVEL = 15\nEXTRAVERSION =\n", "here");
  CHECK(version == Version{4, 8, 15});
  CHECK(version.text() == "4.8.15");
  CHECK(Version{4, 8, 15} < Version{4, 19, 0});
  CHECK_THROWS_WITH(version_of_makefile("all:\n", "commit 1"), Catch::StartsWith("commit 1: "));
}

TEST_CASE("the table says which toolchain fits") {
  const Folder folder;
  const Toolchains toolchains = folder.read(table);
  CHECK(toolchains.pick({4, 7, 0}).name == "old");
  CHECK(toolchains.pick({4, 18, 20}).name == "old");
  CHECK(toolchains.pick({5, 16, 2}).name == "new");
  CHECK(toolchains.pick({7, 2, 0}).name == "new");
  CHECK_THROWS_AS(toolchains.pick({4, 19, 0}), ConfigError);
  CHECK_THROWS_WITH(toolchains.pick({5, 16, 1}), Catch::Contains("Linux 5.16.1"));
  const Toolchain& old = toolchains.pick({4, 8, 0});
  REQUIRE(old.config.size() == 2);
  CHECK(old.config[1].where == (folder.path() / "t.toml").string() + ":8");
  const std::vector<std::string> variables = make_variables(old, {"/opt/gcc-9", "gcc-9 9"});
  CHECK(variables.back() == "CC=/opt/gcc-9 -no-pie");
}

TEST_CASE("a mistake in the table has a place") {
  const Folder folder;
  const auto reading = [&](const char* what, const char* with) {
    return [&folder, text = replaced(table, what, with)] { folder.read(text); };
  };
  CHECK_THROWS_WITH(reading("compiler =", "compilr =")(), Catch::Contains("t.toml:6:"));
  CHECK_THROWS_WITH(reading("\"4.7\"", "\"four\"")(), Catch::Contains("t.toml:4:"));
  CHECK_THROWS_WITH(reading("\"4.19\"", "\"4.6\"")(), Catch::Contains("t.toml:5:"));
  CHECK_THROWS_WITH(reading("CONFIG_A=y", "A=y")(), Catch::Contains("t.toml:8:"));
  CHECK_THROWS_WITH(reading("a/Makefile", "../Makefile")(), Catch::Contains("t.toml:11:"));
  CHECK_THROWS_AS(reading("make.CC = \"{compiler} -no-pie\"", "make.CC = 1")(), base::UsageError);
}

TEST_CASE("each part of an entry that changes the kernel changes its text") {
  const Folder folder;
  const auto text = [&](const std::string& toml) {
    return folder.read(toml).pick({4, 8, 0}).text();
  };
  const std::string before = text(table);
  CHECK(text(std::string("# a comment\n") + table) == before);
  const std::pair<const char*, const char*> changes[] = {{"gcc-9", "gcc-8"},
                                                         {"-no-pie", "-pie"},
                                                         {"CONFIG_A=y", "CONFIG_A=m"},
                                                         {"find = \"old\"", "find = \"odd\""},
                                                         {"replace = \"new\"", "replace = \"now\""},
                                                         {"a/Makefile", "b/Makefile"}};
  for (const auto& [what, with] : changes)
    CHECK(text(replaced(table, what, with)) != before);
}

TEST_CASE("fixups replace a text that is there once") {
  const Folder folder;
  const Toolchains toolchains = folder.read(table);
  const fs::path file = folder.write("a/Makefile", "an old line\n");
  fs::permissions(file, fs::perms(0755));
  const Toolchain& old = toolchains.pick({4, 8, 0});
  SECTION("there") {
    folder.write("b.h", "x");
    apply_fixups(old, folder.path());
    CHECK(base::read_file(file) == "an new line\n");
    CHECK(base::read_file(folder.path() / "b.h") == "y");
    CHECK(fs::status(file).permissions() == fs::perms(0755));
  }
  SECTION("optional and not there") {
    apply_fixups(old, folder.path());
    CHECK(base::read_file(file) == "an new line\n");
  }
  SECTION("not there") {
    folder.write("a/Makefile", "a line\n");
    CHECK_THROWS_AS(apply_fixups(old, folder.path()), ConfigError);
    CHECK_THROWS_WITH(apply_fixups(old, folder.path()), Catch::Contains("found it 0 times"));
  }
  SECTION("there twice") {
    folder.write("a/Makefile", "old old\n");
    CHECK_THROWS_WITH(apply_fixups(old, folder.path()), Catch::Contains("found it 2 times"));
  }
  SECTION("no such file") {
    fs::remove(file);
    CHECK_THROWS_AS(apply_fixups(old, folder.path()), ConfigError);
  }
}

TEST_CASE("a compiler that is not in PATH is looked for among the fetched ones") {
  const Folder folder;
  const fs::path program =
      folder.write("toolchains/gcc-x9/bin/gcc-x9", "#!/bin/sh\necho gcc-x9 9.9\necho more\n");
  fs::permissions(program, fs::perms(0755));
  const Compiler compiler = find_compiler("gcc-x9", folder.path());
  CHECK(compiler.program == program);
  CHECK(compiler.identity == "gcc-x9 9.9");
  CHECK_THROWS_WITH(find_compiler("gcc-x8", folder.path()),
                    Catch::Contains("next step: images/toolchain gcc-x8"));
  CHECK(!linker_identity().empty());
}

TEST_CASE("krepro's own table covers what it says") {
  const Toolchains toolchains(fs::path(KREPRO_IMAGES) / "toolchains.toml");
  CHECK(toolchains.pick({4, 8, 15}).compiler == "gcc-9");
  CHECK(toolchains.pick({6, 1, 0}).compiler == "gcc");
  CHECK(toolchains.pick({7, 2, 0}).compiler == "gcc");
  CHECK_THROWS_AS(toolchains.pick({2, 6, 39}), ConfigError);
}
