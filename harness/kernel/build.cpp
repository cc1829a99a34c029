#include "harness/kernel/build.hpp"

#include <algorithm>
#include <map>
#include <thread>

#include <fmt/format.h>

#include "harness/kernel/make.hpp"
#include "harness/kernel/make_log.hpp"
#include "harness/kernel/objects.hpp"
#include "harness/kernel/store.hpp"
#include "harness/kernel/toolchain.hpp"
#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"
#include "vmm/base/text.hpp"

namespace harness {

namespace fs = std::filesystem;

namespace {

using Progress = std::function<void(const std::string&)>;

// A change here changes every key: raise it when the way kernels are built changes.
constexpr int format_version = 1;

// What a kernel is made from.
struct Inputs {
  std::string sha;
  const Toolchain* toolchain = nullptr;
  Compiler compiler;
  std::string settings; // everything but the tree, as text
  std::string key;
};

// The first failure of a build; nothing: it built.
using Failure = std::optional<MakeFailure>;

// The same for the same options, whatever their order and the comments between them.
std::string sorted_config(const std::vector<ConfigLine>& fragments) {
  std::vector<ConfigLine> lines = merge_config(fragments);
  std::sort(lines.begin(), lines.end(),
            [](const ConfigLine& a, const ConfigLine& b) { return a.name < b.name; });
  return config_text(lines);
}

std::string lost_text(const std::vector<LostOption>& lost) {
  std::string others;
  for (std::size_t i = 1; i < lost.size(); ++i)
    others += fmt::format("{} {}", i == 1 ? "; nor did" : ",", lost[i].name);
  return lost[0].text + others +
         "; next step: put a comment \"# optional\" above it, or add what it depends on";
}

} // namespace

struct Builder::State {
  explicit State(KernelSpec given)
      : spec(std::move(given)), tree(spec.tree), toolchains(spec.images / "toolchains.toml"),
        store(spec.cache) {
    for (const std::string& name : spec.config) {
      const fs::path file = fragment_file(spec.images, name);
      const std::string text = base::read_file(file);
      for (ConfigLine& line : parse_fragment(text, file.lexically_normal().string()))
        fragments.push_back(std::move(line));
    }
    if (spec.jobs == 0)
      spec.jobs = std::max(1U, std::thread::hardware_concurrency());
  }

  Inputs inputs(const std::string& sha);
  const Compiler& compiler(const std::string& name);
  Checkout& checkout();
  std::optional<BuildResult> stored(const Inputs& in) const;
  BuildResult build(const Inputs& in, const Progress& progress);
  Failure configure(const Inputs& in, const MakeSetup& setup) const;
  Failure compile(const Inputs& in, const MakeSetup& setup, Objects& objects,
                  const Progress& progress) const;
  Failure attempt(const Inputs& in, const MakeSetup& setup, Objects& objects,
                  const Progress& progress) const;
  Image publish(const Inputs& in, const MakeSetup& setup, base::TempDir parts) const;

  KernelSpec spec;
  Tree tree;
  Toolchains toolchains;
  Store store;
  std::vector<ConfigLine> fragments;
  std::map<std::string, Compiler, std::less<>> compilers;
  std::string linker;
  std::optional<Checkout> own_tree;
};

const Compiler& Builder::State::compiler(const std::string& name) {
  auto at = compilers.find(name);
  if (at == compilers.end())
    at = compilers.emplace(name, find_compiler(name, spec.cache)).first;
  return at->second;
}

Inputs Builder::State::inputs(const std::string& sha) {
  Inputs in;
  in.sha = sha;
  in.toolchain = &toolchains.pick(version_of_makefile(tree.show(sha, "Makefile"), "commit " + sha));
  in.compiler = compiler(in.toolchain->compiler);
  if (linker.empty())
    linker = linker_identity();
  in.settings =
      fmt::format("krepro kernel {}\n{}{}{}\n{}\n", format_version, sorted_config(fragments),
                  in.toolchain->text(), in.compiler.identity, linker);
  in.key = base::sha256(fmt::format("tree {}\n{}", tree.tree_id(sha), in.settings));
  return in;
}

Checkout& Builder::State::checkout() {
  if (own_tree)
    return *own_tree;
  own_tree.emplace(tree, spec.cache);
  const std::string path = own_tree->path().string();
  if (path.find_first_of(" :") != std::string::npos)
    throw base::UsageError(
        fmt::format("{}: a kernel cannot be built in a path with spaces or colons; "
                    "next step: set XDG_CACHE_HOME to another folder",
                    path));
  return *own_tree;
}

std::optional<BuildResult> Builder::State::stored(const Inputs& in) const {
  BuildResult result;
  result.from_store = true;
  result.compiler = in.compiler.identity;
  result.image = store.find(in.key);
  if (result.image) {
    result.log = result.image->folder / "build.log";
    return result;
  }
  const std::optional<StoredFailure> failure = store.find_failure(in.key);
  if (!failure || spec.retry_failed)
    return std::nullopt;
  result.error = failure->error;
  result.log = failure->log;
  return result;
}

// Writes .config: the fragments and the toolchain's changes over tinyconfig. Nothing to do where
// the last build of these objects had the same sources of configuration.
Failure Builder::State::configure(const Inputs& in, const MakeSetup& setup) const {
  const fs::path config = setup.objects / ".config";
  const fs::path stamp = setup.objects / ".krepro-config";
  const std::string id = tree.config_id(in.sha);
  if (fs::exists(config) && fs::exists(stamp) && base::read_file(stamp) == id)
    return std::nullopt;
  fs::remove(stamp);
  if (const base::Finished finished = run_make(setup, {"tinyconfig"}); !finished.status.success())
    return judge_make(finished.out, setup.source.string());
  std::vector<ConfigLine> lines = fragments;
  lines.insert(lines.end(), in.toolchain->config.begin(), in.toolchain->config.end());
  lines = merge_config(lines);
  base::write_file(config, base::read_file(config) + config_text(lines));
  if (const base::Finished finished = run_make(setup, {"olddefconfig"}); !finished.status.success())
    return judge_make(finished.out, setup.source.string());
  const std::vector<LostOption> lost = lost_options(lines, base::read_file(config));
  if (!lost.empty())
    throw ConfigError(lost_text(lost));
  base::write_file(stamp, id);
  return std::nullopt;
}

Failure Builder::State::attempt(const Inputs& in, const MakeSetup& setup, Objects& objects,
                                const Progress& progress) const {
  objects.begin();
  progress("config");
  Failure failure = configure(in, setup);
  if (!failure) {
    const base::Finished finished = run_make(setup, {"vmlinux", "bzImage"}, progress);
    if (!finished.status.success())
      failure = judge_make(finished.out, setup.source.string());
  }
  // What a full disk or a killed compiler left is as doubtful as what a killed build leaves.
  if (failure && failure->kind == MakeFailure::Kind::machine)
    throw base::Error(fmt::format("building {}: {}", in.sha.substr(0, 12), failure->line));
  objects.end();
  return failure;
}

// A failure that old objects could have caused is believed only from an empty folder.
Failure Builder::State::compile(const Inputs& in, const MakeSetup& setup, Objects& objects,
                                const Progress& progress) const {
  const bool fresh = objects.fresh();
  Failure failure = attempt(in, setup, objects, progress);
  if (!failure || fresh || failure->kind == MakeFailure::Kind::source)
    return failure;
  progress("again, from an empty folder: " + failure->line);
  objects.wipe();
  return attempt(in, setup, objects, progress);
}

Image Builder::State::publish(const Inputs& in, const MakeSetup& setup, base::TempDir parts) const {
  clone_file(setup.objects / "vmlinux", parts.path() / "vmlinux");
  clone_file(setup.objects / "arch/x86/boot/bzImage", parts.path() / "bzImage");
  clone_file(setup.objects / ".config", parts.path() / "config");
  Image image;
  image.key = in.key;
  image.built_in = setup.source;
  image.compiler = in.compiler.identity;
  image.release = base::trim(base::read_file(setup.objects / "include/config/kernel.release"));
  return store.publish(std::move(parts), image);
}

BuildResult Builder::State::build(const Inputs& in, const Progress& progress) {
  Checkout& own = checkout();
  const CheckoutLock lock = own.lock(progress);
  if (std::optional<BuildResult> result = stored(in)) // built while we waited
    return *result;
  progress("checkout " + in.sha.substr(0, 12));
  own.switch_to(in.sha, lock);
  apply_fixups(*in.toolchain, own.path());
  Objects objects(own.home() / ("obj-" + base::sha256(in.settings).substr(0, 16)));
  if (objects.fresh())
    prune_objects(own.home(), objects.path());
  base::TempDir parts = store.prepare();
  MakeSetup setup{own.path(), objects.path(), make_variables(*in.toolchain, in.compiler), spec.jobs,
                  parts.path() / "build.log"};
  BuildResult result;
  result.compiler = in.compiler.identity;
  if (const Failure failure = compile(in, setup, objects, progress)) {
    const StoredFailure kept = store.publish_failure(std::move(parts), in.key, failure->line);
    result.error = kept.error;
    result.log = kept.log;
    return result;
  }
  progress("store");
  result.image = publish(in, setup, std::move(parts));
  result.log = result.image->folder / "build.log";
  return result;
}

Builder::Builder(KernelSpec spec) : state_(std::make_unique<State>(std::move(spec))) {}
Builder::Builder(Builder&&) noexcept = default;
Builder::~Builder() = default;

const Tree& Builder::tree() const { return state_->tree; }

Checkout& Builder::checkout() { return state_->checkout(); }

std::string Builder::compiler(const std::string& sha) {
  return state_->inputs(sha).compiler.identity;
}

std::string Builder::key(const std::string& sha) { return state_->inputs(sha).key; }

BuildResult Builder::build(const std::string& sha, const Progress& on_progress) {
  const auto start = std::chrono::steady_clock::now();
  const Inputs in = state_->inputs(sha);
  std::optional<BuildResult> result = state_->stored(in);
  if (!result)
    result = state_->build(
        in, on_progress ? on_progress : [](const std::string&) {});
  result->seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return *result;
}

} // namespace harness
