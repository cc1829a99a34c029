#include <catch2/catch.hpp>

#include "harness/kernel/objects.hpp"
#include "vmm/base/files.hpp"

using harness::Objects;
namespace fs = std::filesystem;
using std::chrono::seconds;

namespace {

// Files with times relative to the marker's.
class Folder {
 public:
  Folder() { put(".krepro-building", seconds(0)); }
  fs::path path() const { return dir_.path(); }
  void put(const std::string& name, seconds age, const std::string& text = "x\n") const {
    base::write_file(path() / name, text);
    fs::last_write_time(path() / name, start_ + age);
  }
  bool has(const std::string& name) const { return fs::exists(path() / name); }
  void recover() const { harness::remove_suspicious(path(), path() / ".krepro-building"); }

 private:
  base::TempDir dir_{fs::temp_directory_path(), "krepro-test-"};
  fs::file_time_type start_ = fs::file_time_type::clock::now() - seconds(1000);
};

} // namespace

TEST_CASE("a killed build keeps what is whole and loses what may not be") {
  const Folder folder;
  folder.put("before.o", seconds(-5));
  folder.put("a/whole.o", seconds(10));
  folder.put("a/.whole.o.cmd", seconds(10));
  folder.put("a/begun.o", seconds(20));
  folder.put("a/again.o", seconds(30));
  folder.put("a/.again.o.cmd", seconds(-30));
  folder.put("a/half.o", seconds(40));
  folder.put("a/.half.o.cmd", seconds(41), "cmd_a/half.o := gcc");
  folder.put("include/generated/bounds.h", seconds(5));
  folder.put("include/generated/empty.h", seconds(5), "");
  folder.put("include/config/SMP", seconds(100), "");
  folder.put("tools/objtool/objtool", seconds(50));
  folder.put("tools/objtool/late", seconds(95));
  folder.put("scripts/none", seconds(50));
  folder.put("late.o", seconds(93));
  folder.put(".late.o.cmd", seconds(94));
  folder.put("last.h", seconds(100));
  folder.recover();
  CHECK(folder.has("before.o"));
  CHECK(folder.has("a/whole.o"));
  CHECK(folder.has("a/.whole.o.cmd"));
  CHECK(folder.has("include/generated/bounds.h"));
  CHECK(folder.has("include/config/SMP"));
  CHECK(!folder.has("a/begun.o"));
  CHECK(!folder.has("a/again.o"));
  CHECK(folder.has("a/.again.o.cmd"));
  CHECK(!folder.has("a/half.o"));
  CHECK(!folder.has("a/.half.o.cmd"));
  CHECK(!folder.has("include/generated/empty.h"));
  CHECK(folder.has("tools/objtool/objtool"));
  CHECK(!folder.has("tools/objtool/late"));
  CHECK(!folder.has("scripts/none"));
  CHECK(!folder.has("late.o"));
  CHECK(!folder.has("last.h"));
}

TEST_CASE("only a marker that stayed means a killed build") {
  const Folder folder;
  fs::remove(folder.path() / ".krepro-building");
  folder.put("a.o", seconds(1));
  {
    Objects objects(folder.path());
    CHECK(!objects.fresh());
    objects.begin();
    CHECK(folder.has("a.o"));
    folder.put("b.o", seconds(2000));
    objects.end();
  }
  Objects objects(folder.path());
  objects.begin();
  CHECK(folder.has("b.o"));
  folder.put("c.o", seconds(2000));
  Objects after(folder.path());
  after.begin();
  CHECK(!folder.has("c.o"));
  CHECK(folder.has("a.o"));
  after.wipe();
  CHECK(after.fresh());
  CHECK(!folder.has("a.o"));
}

TEST_CASE("old folders of objects are dropped") {
  const base::TempDir home(fs::temp_directory_path(), "krepro-test-");
  const auto now = fs::file_time_type::clock::now();
  for (const int age : {1, 2, 3, 4, 5}) {
    const fs::path folder = home.path() / ("obj-" + std::to_string(age));
    base::write_file(folder / "a.o", "x");
    fs::last_write_time(folder, now - seconds(age));
  }
  base::write_file(home.path() / "source/a.c", "x");
  harness::prune_objects(home.path(), home.path() / "obj-5");
  for (const char* name : {"obj-1", "obj-2", "obj-3", "obj-5", "source"})
    CHECK(fs::exists(home.path() / name));
  CHECK(!fs::exists(home.path() / "obj-4"));
}
