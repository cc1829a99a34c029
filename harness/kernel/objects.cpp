#include "harness/kernel/objects.hpp"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "vmm/base/files.hpp"
#include "vmm/base/log.hpp"

namespace harness {

namespace fs = std::filesystem;

namespace {

// A step that runs after a file's .cmd was written (objtool on an object) takes less than this.
constexpr std::chrono::seconds last_seconds{10};

struct Entry {
  fs::path path;
  fs::file_time_type time;
};

// Regular files not older than since.
std::vector<Entry> files_since(const fs::path& folder, fs::file_time_type since) {
  std::vector<Entry> files;
  for (auto it = fs::recursive_directory_iterator(folder); it != fs::recursive_directory_iterator();
       ++it) {
    if (it->is_symlink())
      continue;
    if (it->is_directory()) {
      if (it->path() == folder / "include" / "config")
        it.disable_recursion_pending();
      continue;
    }
    const fs::file_time_type time = it->last_write_time();
    if (time >= since)
      files.push_back({it->path(), time});
  }
  return files;
}

bool ends_with_newline(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary | std::ios::ate);
  if (!stream || stream.tellg() <= 0)
    return false;
  stream.seekg(-1, std::ios::end);
  return stream.get() == '\n';
}

bool is_text_source(const fs::path& file) {
  const std::string kind = file.extension();
  return fs::file_size(file) > 0 &&
         (kind == ".h" || kind == ".c" || kind == ".S" || kind == ".lds");
}

// tools/ has makefiles of its own, which write no .cmd for a program. All objects depend on
// tools/objtool/objtool: without it a killed build would begin again from nothing.
bool is_tool(const fs::path& folder, const fs::path& file) {
  return *file.lexically_relative(folder).begin() == "tools" && fs::file_size(file) > 0;
}

bool is_whole(const fs::path& folder, const Entry& file, fs::file_time_type limit) {
  if (file.time >= limit)
    return false;
  if (file.path.extension() == ".cmd")
    return ends_with_newline(file.path);
  const fs::path command = file.path.parent_path() / ("." + file.path.filename().string() + ".cmd");
  if (!fs::exists(command))
    return is_text_source(file.path) || is_tool(folder, file.path);
  const fs::file_time_type time = fs::last_write_time(command);
  return time >= file.time && time < limit && ends_with_newline(command);
}

} // namespace

std::size_t remove_suspicious(const fs::path& folder, const fs::path& marker) {
  const std::vector<Entry> files = files_since(folder, fs::last_write_time(marker));
  fs::file_time_type newest = fs::file_time_type::min();
  for (const Entry& file : files)
    newest = std::max(newest, file.time);
  std::vector<fs::path>
      suspicious; // judged before any is removed: a file's .cmd must still be there
  for (const Entry& file : files)
    if (file.path != marker && !is_whole(folder, file, newest - last_seconds))
      suspicious.push_back(file.path);
  for (const fs::path& file : suspicious)
    fs::remove(file);
  return suspicious.size();
}

void prune_objects(const fs::path& home, const fs::path& keep) {
  constexpr std::size_t kept = 3;
  std::vector<Entry> folders;
  for (const fs::directory_entry& entry : fs::directory_iterator(home))
    if (entry.path().filename().string().substr(0, 4) == "obj-" && entry.path() != keep)
      folders.push_back({entry.path(), entry.last_write_time()}); // each build changes the marker
  std::sort(folders.begin(), folders.end(),
            [](const Entry& a, const Entry& b) { return a.time > b.time; });
  for (std::size_t i = kept; i < folders.size(); ++i)
    fs::remove_all(folders[i].path);
}

Objects::Objects(fs::path folder)
    : folder_(std::move(folder)), marker_(folder_ / ".krepro-building") {
  fs::create_directories(folder_);
  fresh_ = fs::is_empty(folder_);
}

void Objects::begin() {
  if (fs::exists(marker_)) {
    const std::size_t n = remove_suspicious(folder_, marker_);
    base::log("kernel", base::LogLevel::info, "{}: the last build was killed, {} files removed",
              folder_.string(), n);
    // The old marker stays until all are gone: this may be killed too.
    fs::remove(marker_);
  }
  base::write_file(marker_, "");
}

void Objects::end() { fs::remove(marker_); }

void Objects::wipe() {
  fs::remove_all(folder_);
  fs::create_directories(folder_);
  fresh_ = true;
}

} // namespace harness
