#include "harness/backend/initramfs.hpp"

#include <cstdlib>
#include <map>
#include <string>

#include <catch2/catch.hpp>

#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"

namespace {

struct Entry {
  unsigned mode = 0;
  unsigned rdevmajor = 0;
  unsigned rdevminor = 0;
  std::string content;
};

// The newc format read again by its definition: 13 numbers of 8 hexadecimal digits after the magic,
// name and content padded to 4 bytes.
std::map<std::string, Entry> read_newc(const std::string& bytes) {
  std::map<std::string, Entry> entries;
  std::size_t at = 0;
  const auto field = [&](unsigned index) {
    return static_cast<unsigned>(
        std::strtoul(bytes.substr(at + 6 + index * 8, 8).c_str(), nullptr, 16));
  };
  const auto aligned = [](std::size_t size) { return (size + 3) & ~std::size_t{3}; };
  while (at + 110 <= bytes.size()) {
    REQUIRE(bytes.substr(at, 6) == "070701");
    const Entry entry{field(1), field(9), field(10), ""};
    const unsigned size = field(6);
    const unsigned name_size = field(11);
    const std::string name = bytes.substr(at + 110, name_size - 1);
    const std::size_t data = aligned(at + 110 + name_size);
    if (name == "TRAILER!!!")
      return entries;
    entries[name] = entry;
    entries[name].content = bytes.substr(data, size);
    at = aligned(data + size);
  }
  FAIL("no trailer");
  return entries;
}

} // namespace

TEST_CASE("an initramfs holds the agent, the folders and the console node") {
  const auto entries = read_newc(harness::make_initramfs("AGENT\n", {}));
  REQUIRE(entries.count("init") == 1);
  CHECK(entries.at("init").content == "AGENT\n");
  CHECK(entries.at("init").mode == 0100755);
  CHECK(entries.at("dev").mode == 040755);
  CHECK(entries.count("proc") == 1);
  CHECK(entries.count("sys") == 1);
  CHECK(entries.at("dev/console").mode == 020600);
  CHECK(entries.at("dev/console").rdevmajor == 5);
  CHECK(entries.at("dev/console").rdevminor == 1);
}

TEST_CASE("extra files bring their folders, once each, before them") {
  const base::TempDir dir("/tmp", "krepro-test-");
  base::write_file(dir.path() / "vhost.ko", "module");
  const std::vector<harness::ExtraFile> extra = {{dir.path() / "vhost.ko", "/lib/modules/a.ko"},
                                                 {dir.path() / "vhost.ko", "/lib/modules/b.ko"}};
  const std::string bytes = harness::make_initramfs("x", extra);
  const auto entries = read_newc(bytes);
  CHECK(entries.at("lib/modules/a.ko").content == "module");
  CHECK(entries.at("lib/modules/a.ko").mode == 0100644);
  CHECK(entries.at("lib/modules").mode == 040755);
  CHECK(bytes.find("lib/modules\0") < bytes.find("lib/modules/a.ko"));
  CHECK(entries.size() == 9);
}

TEST_CASE("the same input gives the same bytes") {
  const std::string agent(100'000, 'a');
  CHECK(harness::make_initramfs(agent, {}) == harness::make_initramfs(agent, {}));
}

TEST_CASE("an extra file that is not there is an error that names it") {
  CHECK_THROWS_WITH(harness::make_initramfs("x", {{"/nonexistent/file", "/a"}}),
                    Catch::Contains("/nonexistent/file"));
}
