#include "vmm/base/child.hpp"

#include <cerrno>
#include <chrono>
#include <csignal>

#include <catch2/catch.hpp>

#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"

using base::Command;

namespace {
Command shell(const std::string& script) {
  Command command;
  command.argv = {"sh", "-c", script};
  return command;
}
} // namespace

TEST_CASE("output, error and status of a command are kept apart") {
  const base::Finished finished = base::run_command(shell("echo out; echo err >&2; exit 3"));
  REQUIRE(finished.out == "out\n");
  REQUIRE(finished.err == "err\n");
  REQUIRE(finished.status.exit_code() == 3);
  REQUIRE_FALSE(finished.status.success());
  REQUIRE(finished.status.text() == "exit code 3");
}

TEST_CASE("a signal is not an exit code") {
  const base::Finished finished = base::run_command(shell("kill -9 $$"));
  REQUIRE(finished.status.signal() == SIGKILL);
  REQUIRE_FALSE(finished.status.exit_code().has_value());
}

TEST_CASE("a program that is not there is ENOENT") {
  Command command;
  command.argv = {"krepro-no-such-program"};
  try {
    base::run_command(command);
    FAIL("it ran");
  } catch (const base::SysError& error) {
    REQUIRE(error.code() == ENOENT);
  }
}

TEST_CASE("input larger than a pipe goes through and comes back") {
  Command command;
  command.argv = {"cat"};
  command.input = std::string(1 << 20, 'x');
  REQUIRE(base::run_command(command).out == command.input);
}

TEST_CASE("the deadline kills the whole group") {
  Command command = shell("sleep 60 & sleep 60; echo never");
  command.deadline = std::chrono::milliseconds(100);
  const base::Finished finished = base::run_command(command);
  REQUIRE(finished.timed_out);
  REQUIRE(finished.elapsed < std::chrono::seconds(10));
  REQUIRE(finished.out.empty());
}

TEST_CASE("lines come as they are printed, the last one without newline too") {
  std::vector<std::string> seen;
  Command command = shell("echo a; echo b; printf c");
  command.on_line = [&](std::string_view line) { seen.emplace_back(line); };
  base::run_command(command);
  REQUIRE(seen == std::vector<std::string>{"a", "b", "c"});
}

TEST_CASE("environment, folder and log are the command's own") {
  const base::TempDir folder("/tmp", "krepro-unit-");
  Command command = shell("echo $COLOUR; pwd; echo e >&2");
  command.env = {{"COLOUR", "green"}};
  command.cwd = folder.path();
  command.log = folder.path() / "log";
  command.merge_stderr = true;
  const base::Finished finished = base::run_command(command);
  REQUIRE(finished.out == "green\n" + folder.path().string() + "\ne\n");
  REQUIRE(base::read_file(command.log) == finished.out);
}

TEST_CASE("a failed command's error names command, status and last line") {
  try {
    base::check_output(shell("echo first; echo why >&2; exit 2"));
    FAIL("it succeeded");
  } catch (const base::Error& error) {
    REQUIRE(std::string(error.what()) ==
            "sh -c 'echo first; echo why >&2; exit 2': exit code 2: why");
  }
}

TEST_CASE("quote makes words that sh reads back") {
  REQUIRE(base::quote({"make", "CC=gcc -w", "it's", ""}) == "make 'CC=gcc -w' 'it'\\''s' ''");
}
