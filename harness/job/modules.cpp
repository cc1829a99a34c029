#include "harness/job/modules.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <set>
#include <string_view>

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"
#include "vmm/base/text.hpp"

namespace harness {

namespace fs = std::filesystem;

namespace {

using Found = std::map<std::string, fs::path>;

std::string module_name(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

Found modules_below(const fs::path& folder) {
  Found found;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    const std::string file = it->path().filename();
    const std::size_t dot = file.find(".ko");
    if (dot != std::string::npos && it->is_regular_file())
      found[module_name(file.substr(0, dot))] = it->path();
  }
  if (error)
    throw base::UsageError(fmt::format("{}: {}; expected a folder of kernel modules",
                                       folder.string(), error.message()));
  return found;
}

std::string unpacked(const fs::path& file) {
  if (file.extension() == ".ko")
    return base::read_file(file);
  const std::unique_ptr<archive, int (*)(archive*)> reader(archive_read_new(), archive_read_free);
  archive_read_support_filter_all(reader.get());
  archive_read_support_format_raw(reader.get());
  archive_entry* entry = nullptr;
  const auto check = [&](la_ssize_t result) {
    if (result < 0)
      throw base::Error(fmt::format("{}: {}", file.string(), archive_error_string(reader.get())));
    return static_cast<std::size_t>(result);
  };
  check(archive_read_open_filename(reader.get(), file.c_str(), 65536));
  check(archive_read_next_header(reader.get(), &entry));
  std::string content;
  std::array<char, 65536> buffer;
  while (const std::size_t n = check(archive_read_data(reader.get(), buffer.data(), buffer.size())))
    content.append(buffer.data(), n);
  return content;
}

// The names after "depends=" in the module's .modinfo section (include/linux/moduleinfo.h).
std::vector<std::string> dependencies(const std::string& content) {
  constexpr std::string_view key("\0depends=", 9);
  const std::size_t at = content.find(key);
  if (at == std::string::npos)
    return {};
  const std::string list = content.c_str() + at + key.size();
  return list.empty() ? std::vector<std::string>{} : base::split(list, ',');
}

class Resolver {
 public:
  Resolver(const fs::path& folder, const fs::path& scratch)
      : folder_(folder), scratch_(scratch), found_(modules_below(folder)) {}

  void need(const std::string& wanted) {
    const std::string name = module_name(wanted);
    if (!begun_.insert(name).second)
      return;
    const auto at = found_.find(name);
    if (at == found_.end())
      fail(name);
    const std::string content = unpacked(at->second);
    for (const std::string& dependency : dependencies(content))
      need(dependency);
    fs::path file = at->second;
    if (file.extension() != ".ko") {
      file = scratch_ / (name + ".ko");
      base::write_file(file, content);
    }
    order.push_back({name, file});
  }

  std::vector<Module> order;

 private:
  [[noreturn]] void fail(const std::string& name) const {
    std::vector<std::string> known;
    for (const auto& [there, file] : found_)
      known.push_back(there);
    throw base::UsageError(fmt::format("{}: no module '{}' below it{}", folder_.string(), name,
                                       base::did_you_mean(name, known)));
  }

  fs::path folder_;
  fs::path scratch_;
  Found found_;
  std::set<std::string> begun_;
};

} // namespace

std::vector<Module> find_modules(const std::vector<std::string>& names, const fs::path& folder,
                                 const fs::path& scratch) {
  if (names.empty())
    return {};
  Resolver resolver(folder, scratch);
  for (const std::string& name : names)
    resolver.need(name);
  return std::move(resolver.order);
}

} // namespace harness
