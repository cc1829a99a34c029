#include "harness/report/modules.hpp"

#include <algorithm>
#include <array>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "vmm/base/error.hpp"

namespace harness {

namespace {

namespace fs = std::filesystem;

// Best first.
constexpr std::array<std::string_view, 6> endings = {".ko.debug", ".debug", ".ko",
                                                     ".ko.zst",   ".ko.xz", ".ko.gz"};

// The place of a file's ending in the list; endings.size() where it is no module.
std::size_t rank_of(const std::string& file) {
  auto found = std::find_if(endings.begin(), endings.end(),
                            [&](std::string_view ending) { return file.ends_with(ending); });
  return static_cast<std::size_t>(found - endings.begin());
}

std::string kernel_name(std::string_view name) {
  std::string text(name);
  std::replace(text.begin(), text.end(), '-', '_');
  return text;
}

ModuleFolder::Module open_module(const fs::path& path) {
  ModuleFolder::Module module;
  if (rank_of(path.filename()) > 2) {
    module.problem = fmt::format("{}: a packed module; unpack it first", path.string());
    return module;
  }
  try {
    module.file = std::make_unique<DebugFile>(path);
  } catch (const base::Error& error) {
    module.problem = error.what();
  }
  return module;
}

} // namespace

void ModuleFolder::scan() {
  scanned_ = true;
  std::error_code error;
  fs::recursive_directory_iterator files(folder_, fs::directory_options::skip_permission_denied,
                                         error);
  for (; !error && files != fs::recursive_directory_iterator(); files.increment(error)) {
    std::string file = files->path().filename();
    std::size_t rank = rank_of(file);
    if (rank == endings.size())
      continue;
    std::string name = kernel_name(file.substr(0, file.size() - endings[rank].size()));
    auto [known, added] = paths_.emplace(name, files->path());
    if (!added && rank < rank_of(known->second.filename()))
      known->second = files->path();
  }
}

const ModuleFolder::Module& ModuleFolder::find(std::string_view name) {
  std::string key = kernel_name(name);
  auto known = modules_.find(key);
  if (known != modules_.end())
    return known->second;
  if (!scanned_ && !folder_.empty())
    scan();
  auto path = paths_.find(key);
  Module module;
  if (path != paths_.end())
    module = open_module(path->second);
  else if (folder_.empty())
    module.problem = fmt::format("{}: a module, and no folder of modules was given", key);
  else
    module.problem = fmt::format("{}: no {}.ko below {}", key, key, folder_.string());
  return modules_.emplace(key, std::move(module)).first->second;
}

} // namespace harness
