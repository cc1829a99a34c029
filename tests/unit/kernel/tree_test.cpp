#include <catch2/catch.hpp>

#include <cstdlib>

#include "harness/kernel/tree.hpp"
#include "tests/unit/kernel/repository.hpp"
#include "vmm/base/error.hpp"

using harness::Tree;
using test::Repository;

TEST_CASE("a revision becomes a commit id") {
  const Repository repository;
  repository.write("a", "1");
  const std::string first = repository.commit("first");
  repository.run({"tag", "-a", "-m", "release", "v1.0"});
  const std::string second = repository.commit("second");
  const Tree tree(repository.path());
  CHECK(tree.resolve("v1.0") == first);
  CHECK(tree.resolve("HEAD") == second);
  CHECK(tree.resolve("HEAD~1") == first);
  CHECK(tree.resolve(second.substr(0, 10)) == second);
  CHECK_THROWS_AS(tree.resolve(""), base::UsageError);
  CHECK_THROWS_AS(tree.resolve("--all"), base::UsageError);
  CHECK_THROWS_AS(tree.resolve("v1.0^{tree}"), base::UsageError);
  CHECK_THROWS_WITH(tree.resolve("v1.1"), Catch::Contains("unknown revision 'v1.1'") &&
                                              Catch::Contains("did you mean 'v1.0'"));
}

TEST_CASE("what is no tree is a usage error") {
  const Repository repository;
  repository.write("sub/a", "1");
  repository.commit("first");
  CHECK_THROWS_AS(Tree(repository.folder() / "none"), base::UsageError);
  CHECK_THROWS_WITH(Tree(repository.path() / "sub"), Catch::Contains("a folder in the tree"));
  test::fs::create_directory(repository.folder() / "plain");
  CHECK_THROWS_AS(Tree(repository.folder() / "plain"), base::UsageError);
}

TEST_CASE("the environment of a git hook does not lead astray") {
  const Repository repository;
  repository.write("a", "1");
  const std::string id = repository.commit("first");
  const Repository other;
  other.write("b", "2");
  other.commit("of another tree");
  ::setenv("GIT_DIR", (other.path() / ".git").c_str(), 1);
  ::setenv("GIT_INDEX_FILE", "/nonexistent/index", 1);
  const std::string found = Tree(repository.path()).resolve("HEAD");
  ::unsetenv("GIT_DIR");
  ::unsetenv("GIT_INDEX_FILE");
  CHECK(found == id);
}

TEST_CASE("files and objects of a commit") {
  const Repository repository;
  repository.write("Makefile", "VERSION = 6\n");
  repository.write("drivers/Kconfig", "config A\n");
  const std::string first = repository.commit("first");
  repository.write("drivers/a.c", "int a;\n");
  const std::string second = repository.commit("second");
  repository.write("drivers/Kconfig", "config B\n");
  const std::string third = repository.commit("third");
  const Tree tree(repository.path());
  CHECK(tree.show(first, "Makefile") == "VERSION = 6\n");
  CHECK(tree.show(first, "drivers/a.c").empty());
  CHECK(tree.object_id(first, "drivers/a.c").empty());
  CHECK(tree.object_id(second, "drivers/a.c") == repository.run({"hash-object", "drivers/a.c"}));
  CHECK(tree.tree_id(first) == repository.run({"rev-parse", first + "^{tree}"}));
  CHECK(tree.config_id(first) == tree.config_id(second));
  CHECK(tree.config_id(second) != tree.config_id(third));
}

TEST_CASE("a commit as a report names it") {
  const Repository repository;
  repository.write("a", "1\n");
  repository.commit("first");
  repository.write("a", "1\n2\n");
  const std::string id =
      repository.commit("vhost: break it\n\nA body.\n\nReported-by: Bob <bob@example.org>\n"
                        "Cc: <stable@example.org> # v4.8+\nCc: Ada <ADA@example.org>\n"
                        "Fixes: 123456789abc (\"x\")\nSigned-off-by: Ada <ada@example.org>\n");
  const Tree tree(repository.path());
  const harness::Commit commit = tree.commit(id);
  CHECK(commit.sha == id);
  CHECK(commit.subject == "vhost: break it");
  CHECK(commit.author == "Ada <ada@example.org>");
  CHECK(commit.date == "Mon Jan 1 00:00:00 2024 +0000");
  CHECK(commit.message.substr(0, 15) == "vhost: break it");
  CHECK(commit.message.back() == '>');
  CHECK(tree.diffstat(id).find("a | 1 +") != std::string::npos);
  CHECK(tree.diffstat(id).find("1 file changed, 1 insertion(+)") != std::string::npos);
  CHECK(tree.recipients(id, repository.path()) == std::vector<std::string>{"Ada <ada@example.org>",
                                                                           "Bob <bob@example.org>",
                                                                           "<stable@example.org>"});
}

TEST_CASE("get_maintainer.pl adds its people") {
  const Repository repository;
  repository.write("a", "1\n");
  repository.write(
      "scripts/get_maintainer.pl",
      "die 'a file is named' if grep { !/^--/ } @ARGV;\n"
      "my $in = join '', <STDIN>;\n"
      "print \"Max <max\\@example.org>\\nlist\\@example.org\\n\" if $in =~ /^\\+1/m;\n");
  const std::string id = repository.commit("first");
  const Tree tree(repository.path());
  CHECK(tree.recipients(id, repository.path()) == std::vector<std::string>{"Ada <ada@example.org>",
                                                                           "Max <max@example.org>",
                                                                           "list@example.org"});
  CHECK(tree.recipients(id, repository.folder()).size() == 1);
}

TEST_CASE("releases are in the order of history, not of dates or names") {
  const Repository repository;
  for (const char* tag : {"v1.9", "v1.10", "v2.0", "other", "v2.1"}) {
    repository.write("a", tag);
    repository.commit(tag);
    repository.run({"tag", "-a", "-m", "release", tag});
    repository.write("b", tag);
    repository.commit("work");
  }
  repository.run({"checkout", "-q", "-b", "side", "v1.9"});
  repository.commit("side");
  repository.run({"tag", "v9.9"});
  repository.run({"checkout", "-q", "main"});
  repository.run({"merge", "-q", "--no-ff", "-m", "merge", "v1.10"});
  const Tree tree(repository.path());
  CHECK(tree.releases("HEAD", "v[0-9]*") ==
        std::vector<std::string>{"v2.1", "v2.0", "v1.10", "v1.9"});
  CHECK(tree.releases(tree.resolve("v2.0"), "v[0-9]*") ==
        std::vector<std::string>{"v2.0", "v1.10", "v1.9"});
  CHECK(tree.releases("HEAD", "w*").empty());
  CHECK(tree.is_ancestor("v1.9", "v2.0"));
  CHECK(!tree.is_ancestor("v2.0", "v1.9"));
}
