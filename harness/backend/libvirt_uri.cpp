#include "harness/backend/libvirt_uri.hpp"

#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"
#include "vmm/base/log.hpp"

namespace harness {

namespace {

namespace fs = std::filesystem;

// stdio_handler and the namespaces ask for daemons and rights that krepro has not got.
std::string qemu_conf() {
  std::string text = "security_driver = \"none\"\n"
                     "namespaces = []\n"
                     "cgroup_controllers = []\n"
                     "remember_owner = 0\n"
                     "dynamic_ownership = 0\n"
                     "stdio_handler = \"file\"\n";
  if (::geteuid() == 0)
    text += "user = \"root\"\ngroup = \"root\"\n";
  return text;
}

// Whole files by rename, so that several krepros may do it at once.
void copy_new_files(const fs::path& from, const fs::path& to) {
  std::error_code failed;
  fs::directory_iterator entry(from, failed);
  for (; !failed && entry != fs::directory_iterator(); entry.increment(failed)) {
    const fs::path target = to / entry->path().filename();
    if (entry->path().extension() != ".xml" || !entry->is_regular_file())
      continue;
    const std::string content = base::read_file(entry->path());
    if (!fs::exists(target) || base::read_file(target) != content)
      base::write_file(target, content);
  }
}

} // namespace

void check_local_qemu(const std::string& uri) {
  const std::size_t colon = uri.find("://");
  if (colon == std::string::npos)
    throw base::UsageError(
        fmt::format("libvirt:{}: not a libvirt URI; expected one such as qemu:///system", uri));
  const std::string_view scheme = std::string_view(uri).substr(0, colon);
  const std::string_view driver = scheme.substr(0, scheme.find('+'));
  const std::string_view transport =
      driver.size() == scheme.size() ? "" : scheme.substr(driver.size() + 1);
  if (driver != "qemu")
    throw base::UsageError(
        fmt::format("libvirt:{}: driver '{}' is not supported; expected qemu", uri, driver));
  const bool local = uri.size() > colon + 3 && uri[colon + 3] == '/';
  if ((!transport.empty() && transport != "unix") || !local)
    throw base::UsageError(fmt::format("libvirt:{}: guests on other machines are not supported; "
                                       "expected qemu:///system or qemu:///session",
                                       uri));
}

std::string security_labels(const std::string& capabilities, unsigned uid, unsigned gid) {
  constexpr std::string_view open = "<secmodel>";
  constexpr std::string_view model = "<model>";
  std::string labels;
  for (std::size_t at = capabilities.find(open); at != std::string::npos;
       at = capabilities.find(open, at + 1)) {
    const std::size_t start = capabilities.find(model, at);
    if (start == std::string::npos)
      break;
    const std::size_t end = capabilities.find('<', start + model.size());
    const std::string name = capabilities.substr(start + model.size(), end - start - model.size());
    if (name == "dac")
      labels += fmt::format("<seclabel type='static' model='dac' relabel='no'>"
                            "<label>+{}:+{}</label></seclabel>",
                            uid, gid);
    else
      labels += fmt::format("<seclabel type='none' model='{}'/>", name);
  }
  return labels;
}

EmbedRoot::EmbedRoot(fs::path root, fs::path cache)
    : root_(std::move(root)), cache_(std::move(cache)) {
  base::write_file(root_ / "etc/qemu.conf", qemu_conf());
  fs::create_directories(root_ / "cache/qemu/capabilities");
  try {
    copy_new_files(cache_, root_ / "cache/qemu/capabilities");
  } catch (const std::exception& error) {
    base::log("backend", base::LogLevel::info, "QEMU's capabilities: {}", error.what());
  }
}

std::string EmbedRoot::uri() const { return "qemu:///embed?root=" + root_.string(); }

void EmbedRoot::save_capabilities() const {
  try {
    copy_new_files(root_ / "cache/qemu/capabilities", cache_);
  } catch (const std::exception& error) {
    base::log("backend", base::LogLevel::info, "QEMU's capabilities: {}", error.what());
  }
}

fs::path EmbedRoot::log_of(const std::string& domain) const {
  return root_ / "log/qemu" / (domain + ".log");
}

} // namespace harness
