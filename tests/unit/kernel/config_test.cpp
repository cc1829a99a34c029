#include <catch2/catch.hpp>

#include "harness/kernel/config.hpp"
#include "vmm/base/files.hpp"

using namespace harness;

namespace {

std::vector<LostOption> lost(const char* fragment, const char* final_config) {
  return lost_options(merge_config(parse_fragment(fragment, "f.config")), final_config);
}

} // namespace

TEST_CASE("a fragment's lines") {
  const std::vector<ConfigLine> lines =
      parse_fragment("# words\nCONFIG_A=y\n\n# optional: from v5.0\nCONFIG_B=16\n"
                     "# CONFIG_C is not set\n\nCONFIG_D=\"a b\"\n",
                     "f.config");
  REQUIRE(lines.size() == 4);
  CHECK(lines[0].where == "f.config:2");
  CHECK(!lines[0].optional);
  CHECK(lines[1].optional);
  CHECK(lines[2].optional);
  CHECK(lines[2].value == "n");
  CHECK(!lines[3].optional);
  CHECK(config_text(lines) == "CONFIG_A=y\nCONFIG_B=16\n# CONFIG_C is not set\nCONFIG_D=\"a b\"\n");
}

TEST_CASE("a line that is neither is an error with its place") {
  const char* bad = GENERATE("CONFIG_A", "CONFIG_A=", "A=y", "CONFIG_A B=y", "CONFIG_=y");
  CHECK_THROWS_WITH(parse_fragment(std::string("CONFIG_X=y\n") + bad, "f.config"),
                    Catch::StartsWith("f.config:2: expected"));
}

TEST_CASE("the last word on an option counts") {
  const std::vector<ConfigLine> merged =
      merge_config(parse_fragment("CONFIG_A=y\nCONFIG_B=y\n# CONFIG_A is not set\n", "f.config"));
  CHECK(config_text(merged) == "CONFIG_B=y\n# CONFIG_A is not set\n");
}

TEST_CASE("options that did not survive are named with their place") {
  CHECK(
      lost("CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=16", "CONFIG_A=y\nCONFIG_C=16\n").empty());
  CHECK(lost("CONFIG_A=n", "# CONFIG_A is not set").empty());
  CHECK(lost("# optional\nCONFIG_A=y", "").empty());
  REQUIRE(lost("CONFIG_A=y", "").size() == 1);
  CHECK(lost("CONFIG_A=y", "")[0].name == "CONFIG_A");
  CHECK(lost("\nCONFIG_A=y", "# CONFIG_A is not set")[0].text ==
        "f.config:2: CONFIG_A=y did not survive olddefconfig (is not set)");
  CHECK(lost("# CONFIG_A is not set", "CONFIG_A=y")[0].text ==
        "f.config:1: # CONFIG_A is not set did not survive olddefconfig (is y)");
  CHECK(lost("CONFIG_A=8", "CONFIG_A=16")[0].text.find("(is 16)") != std::string::npos);
}

TEST_CASE("fragments by name and by path") {
  const base::TempDir folder(std::filesystem::temp_directory_path(), "krepro-test-");
  base::write_file(folder.path() / "kernel/lockdep.config", "CONFIG_A=y\n");
  const std::filesystem::path file = folder.path() / "kernel/lockdep.config";
  CHECK(fragment_file(folder.path(), "lockdep") == file);
  CHECK(fragment_file("/nonexistent", file.string()) == file);
  CHECK_THROWS_WITH(fragment_file(folder.path(), "lokdep"), Catch::Contains("mean 'lockdep'"));
  CHECK_THROWS_AS(fragment_file(folder.path(), "./lockdep"), base::UsageError);
}

TEST_CASE("krepro's own fragments can be read") {
  for (const char* name : {"base", "lockdep", "hang", "vhost", "debuginfo"}) {
    const std::filesystem::path file = fragment_file(KREPRO_IMAGES, name);
    CHECK(!parse_fragment(base::read_file(file), file.string()).empty());
  }
}
