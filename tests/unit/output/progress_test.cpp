#include <catch2/catch.hpp>

#include <cstdio>
#include <memory>

#include "harness/output/progress.hpp"

using namespace harness;

namespace {

// What a progress writes.
class Paper {
 public:
  std::FILE* file() const { return file_.get(); }
  std::string text() const {
    std::fflush(file_.get());
    return {data_, size_};
  }
  ~Paper() {
    file_.reset();
    std::free(data_);
  }

 private:
  char* data_ = nullptr;
  std::size_t size_ = 0;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_{::open_memstream(&data_, &size_),
                                                        &std::fclose};
};

const std::string sha(40, 'a');

} // namespace

TEST_CASE("the status line fits the width and stays one line") {
  CHECK(status_line(62, "build aaaa", "CC fork.o", 80) == "[1m2.0s] build aaaa: CC fork.o");
  CHECK(status_line(1, "build", "", 80) == "[1.0s] build");
  CHECK(status_line(1, "build", "CC drivers/x.o", 16) == "[1.0s] build: CC");
  CHECK(status_line(1, "b\xc3\xa4\xc3\xb6", "", 9) == "[1.0s] b\xc3\xa4");
  CHECK(status_line(1, "run", "\x1b[2J\nbooted", 80) == "[1.0s] run: ?[2J booted");
}

TEST_CASE("elsewhere than on a terminal: one line a build and a run") {
  Paper paper;
  {
    Progress progress(paper.file(), false);
    progress(event::BuildStarted{sha});
    progress(event::Stage{"CC kernel/fork.o"});
    progress(event::RunStarted{sha, 2, 10});
    progress(event::Stage{"booted"});
    progress(event::Answered{Verdict::bad, sha});
  }
  CHECK(paper.text() == "build aaaaaaaaaaaa\nrun #2 of aaaaaaaaaaaa (at most 10)\n");
}

TEST_CASE("on a terminal one line is rewritten, and wiped before others write") {
  Paper paper;
  Progress progress(paper.file(), true);
  progress(event::BuildStarted{sha});
  progress(event::Stage{"CC kernel/fork.o"});
  progress(event::RevisionTested{});
  const std::string text = paper.text();
  CHECK(text.find('\n') == std::string::npos);
  CHECK(text.find("\r[0.0s] build aaaaaaaaaaaa: CC kernel/fork.o\033[K") != std::string::npos);
  CHECK(text.substr(text.size() - 4) == "\r\033[K");
  progress(event::RevisionTested{});
  CHECK(paper.text() == text); // nothing to wipe
}
