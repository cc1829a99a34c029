#include "harness/backend/kvm_probe.hpp"

#include <string>
#include <unistd.h>

#include <fmt/format.h>

#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"
#include "vmm/base/log.hpp"

namespace harness {

namespace {

namespace fs = std::filesystem;

constexpr const char* boot_id = "/proc/sys/kernel/random/boot_id";

// "<boot id>\ny<reason>\n" or "...n..."; anything else is no answer.
bool read_answer(const fs::path& file, const std::string& boot, vmm::KvmProbe& answer) {
  const std::string text = base::read_file(file);
  if (text.compare(0, boot.size(), boot) != 0 || text.size() < boot.size() + 2 ||
      text.back() != '\n')
    return false;
  const char usable = text[boot.size()];
  answer.usable = usable == 'y';
  answer.reason = text.substr(boot.size() + 1, text.size() - boot.size() - 2);
  return usable == 'y' || usable == 'n';
}

bool can_open() { return ::access("/dev/kvm", R_OK | W_OK) == 0; }

} // namespace

vmm::KvmProbe kvm_probe(const fs::path& cache) {
  if (!can_open())
    return vmm::probe_kvm();
  vmm::KvmProbe answer;
  const fs::path file = cache / "kvm-probe";
  try {
    const std::string boot = base::read_file(boot_id);
    if (fs::exists(file) && read_answer(file, boot, answer))
      return answer;
    answer = vmm::probe_kvm();
    base::write_file(file, fmt::format("{}{}{}\n", boot, answer.usable ? 'y' : 'n', answer.reason));
    return answer;
  } catch (const std::exception& error) {
    base::log("backend", base::LogLevel::info, "probe not kept: {}", error.what());
  }
  return answer.reason.empty() ? vmm::probe_kvm() : answer;
}

} // namespace harness
