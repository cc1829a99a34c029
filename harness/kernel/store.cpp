#include "harness/kernel/store.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <sstream>
#include <unistd.h>

#include <fmt/format.h>

#include "harness/config/toml.hpp"
#include "vmm/base/error.hpp"
#include "vmm/base/fd.hpp"
#include "vmm/base/text.hpp"

namespace harness {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view temporary = ".tmp-";

void write_meta(const fs::path& folder, const toml::table& table) {
  std::ostringstream text;
  text << table << "\n";
  base::write_file(folder / "meta.toml", text.str());
}

void sync_path(const fs::path& path) {
  const base::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd)
    throw base::SysError(errno, "open", path);
  if (::fsync(fd.get()) != 0)
    throw base::SysError(errno, "fsync", path);
}

// Makes the parts read-only and renames their folder; a folder of that name is as good as ours.
void seal(base::TempDir parts, const fs::path& target) {
  for (const fs::directory_entry& entry : fs::directory_iterator(parts.path())) {
    sync_path(entry.path());
    fs::permissions(entry.path(), fs::perms(0444));
  }
  fs::permissions(parts.path(), fs::perms(0755));
  if (::rename(parts.path().c_str(), target.c_str()) == 0) {
    parts.release();
    sync_path(target.parent_path());
    return;
  }
  const int error = errno;
  if (error != EEXIST && error != ENOTEMPTY)
    throw base::SysError(error, "rename", target);
}

} // namespace

std::optional<Image> Store::find(const std::string& key) const {
  const fs::path entry = folder_ / key;
  if (!fs::exists(entry / "meta.toml"))
    return std::nullopt;
  const toml::table root = read_toml(entry / "meta.toml");
  const TomlTable meta(root, entry / "meta.toml");
  Image image;
  image.key = key;
  image.folder = entry;
  image.vmlinux = entry / "vmlinux";
  image.bzimage = entry / "bzImage";
  image.config = entry / "config";
  image.built_in = meta.need_text("built_in");
  image.compiler = meta.need_text("compiler");
  image.release = meta.need_text("release");
  return image;
}

std::optional<StoredFailure> Store::find_failure(const std::string& key) const {
  const fs::path entry = folder_ / (key + ".failed");
  if (!fs::exists(entry / "meta.toml"))
    return std::nullopt;
  const toml::table root = read_toml(entry / "meta.toml");
  return StoredFailure{TomlTable(root, entry / "meta.toml").need_text("error"),
                       entry / "build.log"};
}

void Store::sweep() const {
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_)) {
    const std::string name = entry.path().filename();
    if (name.substr(0, temporary.size()) != temporary)
      continue;
    const int pid = std::atoi(name.c_str() + temporary.size());
    std::error_code ignored; // another process sweeps too
    if (pid <= 0 || (::kill(pid, 0) != 0 && errno == ESRCH))
      fs::remove_all(entry.path(), ignored);
  }
}

base::TempDir Store::prepare() const {
  fs::create_directories(folder_);
  sweep();
  return {folder_, fmt::format("{}{}-", temporary, ::getpid())};
}

Image Store::publish(base::TempDir parts, const Image& image) const {
  write_meta(parts.path(), toml::table{{"built_in", image.built_in.string()},
                                       {"compiler", image.compiler},
                                       {"release", image.release}});
  seal(std::move(parts), folder_ / image.key);
  fs::remove_all(folder_ / (image.key + ".failed"));
  std::optional<Image> stored = find(image.key);
  if (!stored)
    throw base::Error(
        fmt::format("{}: the kernel just stored is gone", (folder_ / image.key).string()));
  return *stored;
}

StoredFailure Store::publish_failure(base::TempDir parts, const std::string& key,
                                     const std::string& error) const {
  const fs::path target = folder_ / (key + ".failed");
  write_meta(parts.path(), toml::table{{"error", error}});
  fs::remove_all(target);
  seal(std::move(parts), target);
  return {error, target / "build.log"};
}

void clone_file(const fs::path& from, const fs::path& to) {
  const base::Fd in(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (!in)
    throw base::SysError(errno, "open", from);
  const base::Fd out(::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!out)
    throw base::SysError(errno, "open", to);
  constexpr std::size_t chunk = std::size_t{1} << 30;
  for (;;) {
    const ssize_t n = ::copy_file_range(in.get(), nullptr, out.get(), nullptr, chunk, 0);
    if (n == 0)
      return;
    if (n > 0 || errno == EINTR)
      continue;
    const int error = errno;
    if (error != EXDEV && error != ENOSYS && error != EINVAL && error != EOPNOTSUPP)
      throw base::SysError(error, "copy_file_range", to);
    std::error_code failed;
    fs::copy_file(from, to, fs::copy_options::overwrite_existing, failed);
    if (failed)
      throw base::SysError(failed.value(), "copy", to);
    return;
  }
}

} // namespace harness
