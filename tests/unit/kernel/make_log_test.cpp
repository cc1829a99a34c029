#include <catch2/catch.hpp>

#include "harness/kernel/make_log.hpp"

using namespace harness;
using Kind = MakeFailure::Kind;

TEST_CASE("progress is what kbuild prints of a file") {
  CHECK(progress_of("  CC      drivers/vhost/vhost.o") == "CC drivers/vhost/vhost.o");
  CHECK(progress_of("  HOSTCC  scripts/basic/fixdep") == "HOSTCC scripts/basic/fixdep");
  CHECK(progress_of("  CC [M]  a.o") == "CC [M]  a.o");
  for (const char* other : {"", "  ", "  A", "make[1]: Entering directory '/x'",
                            "  920 | SYSCALL_DEFINE1(exit, int, error_code)", "  Note: see b",
                            "Kernel: arch/x86/boot/bzImage is ready  (#1)"})
    CHECK(!progress_of(other));
}

TEST_CASE("the first error is the reason") {
  const MakeFailure failure = judge_make(
      "  CC      drivers/vhost/vhost.o\n"
      "/c/source/drivers/vhost/vhost.c: In function 'x':\n"
      "/c/source/drivers/vhost/vhost.c:9:3: warning: y\n"
      "/c/source/drivers/vhost/vhost.c:12:3: error: 'foo' undeclared\n"
      "/c/source/drivers/vhost/vhost.c:13:3: error: 'bar' undeclared\n"
      "make[3]: *** [/c/source/scripts/Makefile.build:250: drivers/vhost/vhost.o] Error 1\n"
      "make: *** [Makefile:234: __sub-make] Error 2\n",
      "/c/source");
  CHECK(failure.kind == Kind::source);
  CHECK(failure.line == "drivers/vhost/vhost.c:12:3: error: 'foo' undeclared");
}

TEST_CASE("linker, assembler and Kconfig refuse sources too") {
  const char* line =
      GENERATE("ld: a.c:20: undefined reference to `x'", "a.S:3: Error: no such instruction: `foo'",
               "drivers/vhost/Kconfig:5: syntax error",
               "a.c:1:10: fatal error: linux/none.h: No such file or directory");
  const MakeFailure failure = judge_make(std::string(line) + "\nmake: *** [x] Error 2\n", "/c");
  CHECK(failure.kind == Kind::source);
  CHECK(failure.line == line);
}

TEST_CASE("other failures may come from old objects") {
  const MakeFailure rule = judge_make(
      "make[2]: *** No rule to make target 'x.h', needed by 'x.o'.  Stop.\nmake: *** [y] Error 2\n",
      "/c");
  CHECK(rule.kind == Kind::unclear);
  CHECK(rule.line == "make[2]: *** No rule to make target 'x.h', needed by 'x.o'.  Stop.");
  CHECK(judge_make("ld: built-in.a: file truncated\nmake: *** [z] Error 1\n", "/c").line ==
        "ld: built-in.a: file truncated");
  CHECK(judge_make("", "/c").kind == Kind::unclear);
  CHECK(!judge_make("", "/c").line.empty());
}

TEST_CASE("a failure of the machine is none of the source") {
  for (const char* line :
       {"/tmp/x.s: Assembler messages:\n/tmp/x.s: fatal error: can't write 9 bytes: No space left "
        "on device",
        "gcc: fatal error: Killed signal terminated program cc1", "/bin/sh: 1: flex: not found",
        "/bin/sh: line 1: bc: command not found", "make[1]: flex: No such file or directory",
        "a.c:1: fatal error: libelf.h: No such file or directory"}) {
    const MakeFailure failure =
        judge_make(std::string("a.c:1:1: error: x\n") + line + "\nmake: *** [x] Error 1\n", "/c");
    CHECK(failure.kind == Kind::machine);
  }
  CHECK(judge_make("/bin/sh: 1: flex: not found\n", "/c").line ==
        "the build needs flex; next step: apt-get install flex");
  CHECK(judge_make("symbol: not found\n", "/c").kind == Kind::unclear);
}
