#include <catch2/catch.hpp>

#include <csignal>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "harness/kernel/checkout.hpp"
#include "tests/unit/kernel/repository.hpp"
#include "vmm/base/error.hpp"

using harness::Checkout;
using harness::CheckoutLock;
using harness::Tree;
using test::Repository;
namespace fs = std::filesystem;

namespace {

// Two commits: "a" differs, "same" does not, "old" goes, "new" comes.
struct History {
  History() {
    repository.write("a", "one");
    repository.write("same", "same");
    repository.write("old", "old");
    first = repository.commit("first");
    repository.write("a", "two");
    fs::remove(repository.path() / "old");
    repository.write("sub/new", "new");
    second = repository.commit("second");
  }
  Repository repository;
  std::string first;
  std::string second;
  fs::path cache() const { return repository.folder() / "cache"; }
};

void switch_both_ways(const History& history, const fs::path& user) {
  Checkout checkout(Tree(user), history.cache());
  const CheckoutLock lock = checkout.lock();
  checkout.switch_to(history.first, lock);
  CHECK(base::read_file(checkout.path() / "a") == "one");
  CHECK(fs::exists(checkout.path() / "old"));
  checkout.switch_to(history.second, lock);
  CHECK(base::read_file(checkout.path() / "a") == "two");
  CHECK(!fs::exists(checkout.path() / "old"));
  CHECK(base::read_file(checkout.path() / "sub/new") == "new");
  CHECK(checkout.git({"status", "--porcelain"}).empty());
}

} // namespace

TEST_CASE("a checkout leaves the user's tree as it is") {
  const History history;
  const fs::path bare = history.repository.folder() / "bare.git";
  const fs::path worktree = history.repository.folder() / "worktree";
  const fs::path borrowing = history.repository.folder() / "borrowing";
  test::git(history.repository.folder(), {"clone", "-q", "--bare", "linux", bare.string()});
  test::git(history.repository.folder(), {"clone", "-q", "--shared", "linux", borrowing.string()});
  history.repository.run({"worktree", "add", "-q", "-b", "other", worktree.string()});
  history.repository.write("a", "the user's own change");
  const fs::path users[] = {history.repository.path(), bare, worktree, borrowing};
  const fs::path user = users[GENERATE(0U, 1U, 2U, 3U)];
  const auto before = test::snapshot(user);
  const auto before_main = test::snapshot(history.repository.path());
  switch_both_ways(history, user);
  CHECK(test::snapshot(user) == before);
  CHECK(test::snapshot(history.repository.path()) == before_main);
}

TEST_CASE("a shallow clone can be checked out, and walked") {
  const History history;
  const fs::path shallow = history.repository.folder() / "shallow";
  test::git(history.repository.folder(),
            {"clone", "-q", "--depth=1", "file://" + history.repository.path().string(),
             shallow.string()});
  const Tree tree(shallow);
  Checkout checkout(tree, history.cache());
  checkout.switch_to(history.second, checkout.lock());
  CHECK(base::read_file(checkout.path() / "a") == "two");
  CHECK(checkout.git({"rev-list", "--count", "HEAD"}) == "1\n");
  CHECK_THROWS_WITH(checkout.switch_to(history.first, checkout.lock()),
                    Catch::Contains("is not in") && Catch::Contains("next step"));
  CHECK_THROWS_WITH(tree.resolve(history.first), Catch::Contains("shallow"));
}

TEST_CASE("a partial clone is not filled, and says what is missing") {
  const History history;
  history.repository.run({"config", "uploadpack.allowFilter", "true"});
  const fs::path partial = history.repository.folder() / "partial";
  test::git(history.repository.folder(),
            {"clone", "-q", "--filter=blob:none", "file://" + history.repository.path().string(),
             partial.string()});
  const auto before = test::snapshot(partial);
  Checkout checkout(Tree(partial), history.cache());
  CHECK_THROWS_WITH(checkout.switch_to(history.first, checkout.lock()),
                    Catch::Contains("partial clone") && Catch::Contains("next step"));
  CHECK(test::snapshot(partial) == before);
  checkout.switch_to(history.second, checkout.lock());
  CHECK(base::read_file(checkout.path() / "a") == "two");
}

TEST_CASE("files that do not differ keep their times") {
  const History history;
  Checkout checkout(Tree(history.repository.path()), history.cache());
  const CheckoutLock lock = checkout.lock();
  checkout.switch_to(history.first, lock);
  const auto before = fs::last_write_time(checkout.path() / "same");
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  checkout.switch_to(history.second, lock);
  CHECK(fs::last_write_time(checkout.path() / "same") == before);
}

TEST_CASE("what a killed switch leaves is mended") {
  const History history;
  Checkout checkout(Tree(history.repository.path()), history.cache());
  const CheckoutLock lock = checkout.lock();
  checkout.switch_to(history.first, lock);
  base::write_file(checkout.home() / "switching", history.second);
  base::write_file(checkout.path() / ".git/index.lock", "half");
  base::write_file(checkout.path() / "a", "two");
  base::write_file(checkout.path() / "sub/new", "ne");
  SECTION("with an index of the old commit") {}
  SECTION("with no index") { fs::remove(checkout.path() / ".git/index"); }
  SECTION("with half an index") { base::write_file(checkout.path() / ".git/index", "DIRC"); }
  SECTION("with a HEAD that is nowhere") {
    base::write_file(checkout.path() / ".git/HEAD", std::string(40, '1') + "\n");
  }
  checkout.switch_to(history.first, lock);
  CHECK(base::read_file(checkout.path() / "a") == "one");
  CHECK(!fs::exists(checkout.path() / "sub"));
  CHECK(checkout.git({"status", "--porcelain"}).empty());
  CHECK(!fs::exists(checkout.home() / "switching"));
}

TEST_CASE("a second process waits for the checkout and says for whom") {
  const History history;
  const Checkout checkout(Tree(history.repository.path()), history.cache());
  const pid_t child = ::fork();
  if (child == 0) {
    const CheckoutLock held = checkout.lock();
    base::write_file(history.cache() / "held", "");
    ::usleep(300'000);
    ::_exit(0);
  }
  while (!fs::exists(history.cache() / "held"))
    ::usleep(1000);
  std::string said;
  const CheckoutLock lock = checkout.lock([&](const std::string& line) { said += line; });
  CHECK(said.find("krepro with pid " + std::to_string(child)) != std::string::npos);
  CHECK(static_cast<bool>(lock));
  ::waitpid(child, nullptr, 0);
}

TEST_CASE("processes of a killed build keep the checkout's lock") {
  const History history;
  const Checkout checkout(Tree(history.repository.path()), history.cache());
  const fs::path started = history.cache() / "started";
  const pid_t child = ::fork();
  if (child == 0) {
    const CheckoutLock held = checkout.lock();
    base::Command command;
    command.argv = {"sh", "-c", "sleep 0.5 & echo > " + started.string() + "; wait"};
    base::run_command(command);
    ::_exit(0);
  }
  while (!fs::exists(started))
    ::usleep(1000);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  std::string said;
  const CheckoutLock lock = checkout.lock([&](const std::string& line) { said += line; });
  CHECK(!said.empty());
}
