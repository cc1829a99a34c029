#include "harness/config/toml.hpp"

#include <catch2/catch.hpp>

#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"

using harness::TomlTable;

namespace {

// A parsed text, kept alive with the table that reads it.
struct Parsed {
  explicit Parsed(std::string_view text) : data(toml::parse(text)), table(data, "f.toml") {}
  toml::table data;
  TomlTable table;
};

template<class F> std::string message_of(F&& f) {
  try {
    f();
  } catch (const base::UsageError& error) {
    return error.what();
  }
  return "";
}

} // namespace

TEST_CASE("a syntax error says file, line and column") {
  const base::TempDir dir(std::filesystem::temp_directory_path(), "krepro-toml-");
  const std::filesystem::path file = dir.path() / "bad.toml";
  base::write_file(file, "a = 1\nb = = 2\n");
  const std::string message = message_of([&] { harness::read_toml(file); });
  CHECK(message.find(file.string() + ":2:5: ") == 0);
  CHECK(message.find('\n') == std::string::npos);
  CHECK_THROWS_WITH(harness::read_toml(dir.path() / "none.toml"),
                    (dir.path() / "none.toml").string() +
                        ": No such file or directory; expected a TOML file");
  CHECK_THROWS_AS(harness::read_toml(dir.path()), base::UsageError);
}

TEST_CASE("a file is read") {
  const base::TempDir dir(std::filesystem::temp_directory_path(), "krepro-toml-");
  base::write_file(dir.path() / "ok.toml", "name = 'x'\n");
  const toml::table data = harness::read_toml(dir.path() / "ok.toml");
  CHECK(TomlTable(data, "ok.toml").need_text("name") == "x");
}

TEST_CASE("an unknown key names its place and the nearest known key") {
  const Parsed file("cpus = 1\n  memroy = '1G'\n");
  CHECK(message_of([&] {
          file.table.check_keys({"cpus", "memory"});
        }) ==
        "f.toml:2:3: unknown key 'memroy' (did you mean 'memory'?); known here: cpus, memory");
  CHECK(message_of([&] { file.table.check_keys({"cpus", "memroy"}); }).empty());
}

TEST_CASE("values of the right type are returned, absent ones are nothing") {
  const Parsed file("t = 'x'\nb = true\ni = 7\nl = ['a', 'b']\n[s]\nk = 1\n[[m]]\n[[m]]\n");
  CHECK(file.table.text("t") == "x");
  CHECK(file.table.flag("b") == true);
  CHECK(file.table.integer("i", 0, 7) == 7);
  CHECK(file.table.texts("l") == std::vector<std::string>{"a", "b"});
  CHECK(file.table.table("s")->integer("k", 0, 1) == 1);
  CHECK(file.table.tables("m").size() == 2);
  CHECK_FALSE(file.table.text("none"));
  CHECK_FALSE(file.table.flag("none"));
  CHECK_FALSE(file.table.integer("none", 0, 1));
  CHECK(file.table.texts("none").empty());
  CHECK_FALSE(file.table.table("none"));
  CHECK(file.table.tables("none").empty());
  CHECK(file.table.has("t"));
  CHECK_FALSE(file.table.has("none"));
}

TEST_CASE("a wrong type says where, what it is and what was expected") {
  const Parsed file("t = 1\nb = 'x'\ni = 'x'\nl = ['a', 1]\ns = 1\nm = [1]\nn = 'x'\n");
  CHECK(message_of([&] { file.table.text("t"); }) ==
        "f.toml:1:5: 't' is an integer; expected a string in quotes");
  CHECK(message_of([&] { file.table.flag("b"); }) ==
        "f.toml:2:5: 'b' is a string; expected true or false");
  CHECK(message_of([&] { file.table.integer("i", 1, 9); }) ==
        "f.toml:3:5: 'i' is a string; expected an integer from 1 to 9");
  CHECK(message_of([&] { file.table.texts("l"); }) ==
        "f.toml:4:11: 'l' holds an integer; expected only strings");
  CHECK(message_of([&] { file.table.table("s"); }) ==
        "f.toml:5:5: 's' is an integer; expected a table: [s]");
  CHECK(message_of([&] { file.table.tables("m"); }) ==
        "f.toml:6:6: 'm' holds an integer; expected only tables");
  CHECK(message_of([&] { file.table.tables("n"); }) ==
        "f.toml:7:5: 'n' is a string; expected an array of tables: [[n]]");
  CHECK(message_of([&] { file.table.texts("n"); }) ==
        "f.toml:7:5: 'n' is a string; expected an array of strings");
}

TEST_CASE("an integer out of range is refused") {
  const Parsed file("i = 256");
  CHECK(message_of([&] { file.table.integer("i", 1, 255); }) ==
        "f.toml:1:5: 'i' is 256; expected 1 to 255");
}

TEST_CASE("durations and sizes have units") {
  const Parsed file(
      "a = '20s'\nb = '500ms'\nc = '2m'\nd = '1h'\ne = '20'\nf = '-1s'\n"
      "g = '9223372036854775807s'\nh = 's'\nm = '512M'\nn = '2G'\no = '2T'\np = '64K'");
  CHECK(file.table.duration_ms("a") == 20'000);
  CHECK(file.table.duration_ms("b") == 500);
  CHECK(file.table.duration_ms("c") == 120'000);
  CHECK(file.table.duration_ms("d") == 3'600'000);
  for (const char* key : {"e", "f", "g", "h"})
    CHECK_THROWS_AS(file.table.duration_ms(key), base::UsageError);
  CHECK(file.table.size_bytes("m") == 512 << 20);
  CHECK(file.table.size_bytes("n") == std::int64_t{2} << 30);
  CHECK(file.table.size_bytes("p") == 64 << 10);
  CHECK(message_of([&] { file.table.size_bytes("o"); }) ==
        "f.toml:11:5: 'o' is '2T'; expected a number with a unit: \"64K\", \"512M\", \"2G\"");
}

TEST_CASE("a missing text is an error at its table") {
  const Parsed file("\n[vm]\ncpus = 1\n");
  CHECK(message_of([&] { file.table.table("vm")->need_text("name"); }) ==
        "f.toml:2:1: 'name' is missing; expected name = \"...\"");
}

TEST_CASE("a message stays one printable line") {
  const Parsed file("'a\\u001b[31m' = 1\n\"k\\ney\" = 1\n");
  const std::string message = message_of([&] { file.table.check_keys({"x"}); });
  CHECK(message.find('\x1b') == std::string::npos);
  CHECK(message.find('\n') == std::string::npos);
}
