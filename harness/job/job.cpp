#include "harness/job/job.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include <fmt/format.h>

#include "harness/config/toml.hpp"
#include "vmm/base/error.hpp"
#include "vmm/base/text.hpp"

namespace harness {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t min_memory = 64 << 20; // below this no kernel of ours boots
constexpr std::int64_t max_memory = std::int64_t{1} << 40;

fs::path beside(const fs::path& job_file, const std::string& path) {
  return (fs::absolute(job_file).parent_path() / path).lexically_normal();
}

void read_kernel(const TomlTable& table, Job& job) {
  table.check_keys({"tree", "image", "config", "modules", "modules_dir"});
  const auto tree = table.text("tree");
  const auto image = table.text("image");
  if (tree && image)
    table.fail("image", "'tree' and 'image' exclude each other");
  if (!tree && !image)
    table.fail("tree", "[kernel] needs 'tree' (a git tree) or 'image' (a kernel)");
  if (tree)
    job.tree = beside(job.file, *tree);
  if (image)
    job.image = beside(job.file, *image);
  if (table.has("config"))
    job.config = table.texts("config");
  // A fragment with a slash or an ending is a path beside the job; a plain word is one of ours.
  for (std::string& fragment : job.config)
    if (fragment.find_first_of("/.") != std::string::npos)
      fragment = beside(job.file, fragment);
  job.modules = table.texts("modules");
  const auto modules_dir = table.text("modules_dir");
  if (!job.modules.empty() && !modules_dir)
    table.fail("modules", "'modules' needs 'modules_dir', the /lib/modules/<release> they are in");
  if (modules_dir)
    job.modules_dir = beside(job.file, *modules_dir);
}

void read_vm(const TomlTable& table, Job& job) {
  table.check_keys({"cpus", "memory", "backend", "append"});
  if (const auto cpus = table.integer("cpus", 1, 255))
    job.cpus = static_cast<unsigned>(*cpus);
  if (const auto memory = table.size_bytes("memory")) {
    if (*memory < min_memory || *memory > max_memory)
      table.fail("memory", "'memory' is out of range; expected \"64M\" to \"1024G\"");
    job.memory = static_cast<std::uint64_t>(*memory);
  }
  job.backend = table.text("backend").value_or(job.backend);
  job.append = table.text("append").value_or("");
}

void read_reproducer(const TomlTable& table, Job& job) {
  table.check_keys({"kind", "file", "timeout", "sysctls"});
  const std::string kind = table.text("kind").value_or("sequence");
  if (kind != "sequence")
    table.fail("kind", fmt::format("reproducer kind '{}' is unknown; expected \"sequence\"{}", kind,
                                   base::did_you_mean(kind, {"sequence"})));
  job.reproducer = beside(job.file, table.need_text("file"));
  job.program = load_sequence(job.reproducer);
  if (const auto timeout = table.duration_ms("timeout")) {
    if (*timeout < 100 || *timeout > std::int64_t{24} * 3600 * 1000)
      table.fail("timeout", "'timeout' is out of range; expected \"100ms\" to \"1440m\"");
    job.limits.program = std::chrono::milliseconds(*timeout);
  }
  if (table.has("sysctls"))
    job.sysctls = table.texts("sysctls");
}

void read_bisect(const TomlTable& table, Job& job) {
  table.check_keys({"bad", "good", "releases", "runs"});
  job.bad = table.text("bad").value_or(job.bad);
  job.good = table.text("good").value_or("");
  job.releases = table.text("releases").value_or(job.releases);
  if (const auto runs = table.integer("runs", 1, 1000))
    job.runs = static_cast<unsigned>(*runs);
}

} // namespace

std::vector<std::string> default_fragments() {
  return {"base", "lockdep", "hang", "vhost", "debuginfo"};
}

// A lockup is told after twice watchdog_thresh.
std::vector<std::string> hang_limits(double slowdown) {
  const auto seconds = [slowdown](double fast) {
    return static_cast<int>(std::ceil(fast * std::max(1.0, slowdown)));
  };
  return {fmt::format("kernel.hung_task_timeout_secs={}", std::max(2, seconds(1.5))),
          "kernel.hung_task_check_interval_secs=1", "kernel.hung_task_all_cpu_backtrace=0",
          fmt::format("kernel.watchdog_thresh={}", seconds(3)),
          fmt::format("/sys/module/rcupdate/parameters/rcu_cpu_stall_timeout={}", seconds(6))};
}

Job load_job(const fs::path& file) {
  const toml::table root = read_toml(file);
  const TomlTable table(root, file);
  table.check_keys({"name", "kernel", "vm", "reproducer", "expect", "bisect"});
  Job job;
  job.file = fs::absolute(file);
  job.name = table.text("name").value_or(file.stem());
  const auto kernel = table.table("kernel");
  if (!kernel)
    table.fail("kernel", "a job needs a [kernel] table");
  read_kernel(*kernel, job);
  if (const auto vm = table.table("vm"))
    read_vm(*vm, job);
  const auto reproducer = table.table("reproducer");
  if (!reproducer)
    table.fail("reproducer", "a job needs a [reproducer] table");
  read_reproducer(*reproducer, job);
  if (const auto expect = table.table("expect")) {
    expect->check_keys({"title", "files"});
    job.expect_title = expect->text("title").value_or("");
    job.expect_files = expect->texts("files");
  }
  if (const auto bisect = table.table("bisect"))
    read_bisect(*bisect, job);
  return job;
}

} // namespace harness
