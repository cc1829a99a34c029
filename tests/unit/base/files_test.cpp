#include "vmm/base/files.hpp"

#include <cerrno>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "vmm/base/error.hpp"

namespace fs = std::filesystem;

TEST_CASE("sha256 gives the digest of FIPS 180-2's example") {
  REQUIRE(base::sha256("abc") ==
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("write_file replaces the content and leaves no temporary file") {
  const base::TempDir folder("/tmp", "krepro-unit-");
  const fs::path path = folder.path() / "deep" / "file";
  base::write_file(path, "one");
  base::write_file(path, "two");
  REQUIRE(base::read_file(path) == "two");
  REQUIRE(std::distance(fs::directory_iterator(path.parent_path()), {}) == 1);
}

TEST_CASE("write_file cleans up when it cannot replace the target") {
  const base::TempDir folder("/tmp", "krepro-unit-");
  fs::create_directories(folder.path() / "target" / "full");
  REQUIRE_THROWS_AS(base::write_file(folder.path() / "target", "x"), base::SysError);
  REQUIRE(std::distance(fs::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("a missing file is an error with its name") {
  REQUIRE_THROWS_WITH(base::read_file("/nonexistent/file"),
                      "open: /nonexistent/file: No such file or directory");
}

TEST_CASE("a temporary folder is private and goes away") {
  fs::path path;
  {
    const base::TempDir folder("/tmp", "krepro-unit-");
    path = folder.path();
    base::write_file(path / "file", "x");
    struct stat st {};
    REQUIRE(::stat(path.c_str(), &st) == 0);
    REQUIRE((st.st_mode & 0777) == 0700);
  }
  REQUIRE_FALSE(fs::exists(path));
}

TEST_CASE("an error in a room above is caught as base::Error with the errno kept") {
  try {
    base::read_file("/");
    FAIL("a folder was read");
  } catch (const base::SysError& error) {
    REQUIRE(error.code() == EISDIR);
  }
}
