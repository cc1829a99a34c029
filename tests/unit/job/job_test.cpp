#include "harness/job/job.hpp"

#include <catch2/catch.hpp>

#include "harness/job/modules.hpp"
#include "harness/job/runner.hpp"
#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"

using namespace harness;
namespace fs = std::filesystem;

namespace {

const std::string sequence = "[[step]]\ndo = \"open\"\npath = \"/dev/vhost-net\"\nas = \"vhost\"\n";

struct Folder {
  Folder() { base::write_file(dir.path() / "x.seq.toml", sequence); }
  fs::path job(const std::string& text) const {
    base::write_file(dir.path() / "job.toml", text);
    return dir.path() / "job.toml";
  }
  // What load_job says of a bad job, without the folder.
  std::string complaint(const std::string& text) const {
    try {
      load_job(job(text));
    } catch (const base::UsageError& error) {
      const std::string what = error.what();
      const std::string folder = dir.path().string() + "/";
      return what.starts_with(folder) ? what.substr(folder.size()) : what;
    }
    return "no error";
  }
  base::TempDir dir{"/tmp", "krepro-unit-"};
};

} // namespace

TEST_CASE("a job gets defaults for all but kernel and reproducer") {
  const Folder folder;
  const Job job =
      load_job(folder.job("[kernel]\ntree = \"../linux\"\n[reproducer]\nfile = \"x.seq.toml\"\n"));
  REQUIRE(job.name == "job");
  REQUIRE(job.tree == folder.dir.path().parent_path() / "linux");
  REQUIRE(job.config == default_fragments());
  REQUIRE(job.cpus == 2);
  REQUIRE(job.memory == 512u << 20);
  REQUIRE(job.backend == "auto");
  REQUIRE(job.releases == "v[0-9]*");
  REQUIRE(job.runs == 10);
  REQUIRE(job.program.step_names.size() == 1);
}

TEST_CASE("every table of a job is read") {
  const Folder folder;
  const Job job = load_job(folder.job(
      "name = \"n\"\n[kernel]\ntree = \"/t\"\nconfig = [\"base\", \"own.config\"]\n"
      "[vm]\ncpus = 4\nmemory = \"1G\"\nbackend = \"libvirt\"\nappend = \"quiet\"\n"
      "[reproducer]\nkind = \"sequence\"\nfile = \"x.seq.toml\"\ntimeout = \"3s\"\nsysctls = []\n"
      "[expect]\ntitle = \"WARNING*\"\nfiles = [\"mm/\"]\n"
      "[bisect]\nbad = \"b\"\ngood = \"g\"\nreleases = \"r*\"\nruns = 3\n"));
  REQUIRE(job.config == std::vector<std::string>{"base", folder.dir.path() / "own.config"});
  REQUIRE(job.cpus == 4);
  REQUIRE(job.memory == 1u << 30);
  REQUIRE(job.append == "quiet");
  REQUIRE(job.limits.program == std::chrono::seconds(3));
  REQUIRE(job.sysctls->empty());
  REQUIRE(job.expect_title == "WARNING*");
  REQUIRE(job.expect_files == std::vector<std::string>{"mm/"});
  REQUIRE(job.bad == "b");
  REQUIRE(job.good == "g");
  REQUIRE(job.runs == 3);
}

TEST_CASE("a mistake in a job is one line with its place and the nearest known word") {
  const Folder folder;
  const std::string rest = "[reproducer]\nfile = \"x.seq.toml\"\n";
  REQUIRE(folder.complaint("[kernl]\n")
              .starts_with("job.toml:1:2: unknown key 'kernl' (did you mean 'kernel'?)"));
  REQUIRE(folder.complaint("[kernel]\n" + rest).starts_with("job.toml:1:"));
  REQUIRE(folder.complaint("[kernel]\ntree = \"t\"\nimage = \"i\"\n" + rest)
              .starts_with("job.toml:3:9: 'tree' and 'image' exclude each other"));
  REQUIRE(folder.complaint("[kernel]\ntree = \"t\"\n[vm]\ncpus = 0\n" + rest)
              .starts_with("job.toml:4:8: "));
  REQUIRE(folder.complaint("[kernel]\ntree = \"t\"\n[vm]\nmemory = \"1M\"\n" + rest)
              .starts_with("job.toml:4:10: 'memory' is out of range"));
  REQUIRE(
      folder.complaint("[kernel]\ntree = \"t\"\n[reproducer]\nkind = \"sequnce\"\nfile = \"x\"\n")
          .find("did you mean 'sequence'?") != std::string::npos);
  REQUIRE(folder.complaint("[kernel]\ntree = \"t\"\n").find("[reproducer]") != std::string::npos);
  REQUIRE(folder.complaint("[kernel]\ntree = \"t\"\nmodules = [\"tun\"]\n" + rest)
              .find("modules_dir") != std::string::npos);
}

TEST_CASE("a kernel file is told by its first bytes") {
  const base::TempDir dir("/tmp", "krepro-unit-");
  base::write_file(dir.path() / "elf", std::string("\x7f") + "ELF and more");
  std::string bzimage(0x300, '\0');
  bzimage.replace(0x202, 4, "HdrS");
  base::write_file(dir.path() / "bz", bzimage);
  base::write_file(dir.path() / "text", "hello");
  REQUIRE(image_of_file(dir.path() / "elf").vmlinux == dir.path() / "elf");
  REQUIRE(image_of_file(dir.path() / "bz").bzimage == dir.path() / "bz");
  REQUIRE_THROWS_AS(image_of_file(dir.path() / "text"), base::UsageError);
  REQUIRE_THROWS_AS(image_of_file(dir.path() / "none"), base::UsageError);
  REQUIRE_THROWS_AS(image_of_file(dir.path()), base::UsageError);
}

TEST_CASE("modules come after those they depend on, each once") {
  const base::TempDir dir("/tmp", "krepro-unit-");
  const auto module = [&](const std::string& path, const std::string& depends) {
    base::write_file(dir.path() / path,
                     std::string("\x7f") + "ELF" + '\0' + "depends=" + depends + '\0' + "x");
  };
  module("drivers/vhost/vhost_net.ko", "vhost,tun,tap");
  module("drivers/vhost/vhost.ko", "vhost_iotlb");
  module("drivers/vhost/vhost_iotlb.ko", "");
  module("drivers/net/tun.ko", "");
  module("drivers/net/tap.ko", "tun");
  std::vector<std::string> order;
  for (const Module& found : find_modules({"vhost-net", "tun"}, dir.path(), dir.path() / "scratch"))
    order.push_back(found.name);
  REQUIRE(order == std::vector<std::string>{"vhost_iotlb", "vhost", "tun", "tap", "vhost_net"});
  REQUIRE_THROWS_WITH(find_modules({"vhots_net"}, dir.path(), dir.path()),
                      dir.path().string() +
                          ": no module 'vhots_net' below it (did you mean 'vhost_net'?)");
  REQUIRE(find_modules({}, "/nonexistent", dir.path()).empty());
}

TEST_CASE("the limits of the kernel's hang detection grow with the guest's slowness") {
  REQUIRE(harness::hang_limits(1)[0] == "kernel.hung_task_timeout_secs=2");
  REQUIRE(harness::hang_limits(2)[0] == "kernel.hung_task_timeout_secs=3");
  REQUIRE(harness::hang_limits(2)[3] == "kernel.watchdog_thresh=6");
}
