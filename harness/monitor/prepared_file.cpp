#include "harness/monitor/prepared_file.hpp"

#include <cstdlib>

#include <fmt/format.h>

#include "vmm/base/error.hpp"
#include "vmm/base/log.hpp"

namespace harness {

namespace {

// Release and seconds on a line each, then the console.
std::string note_of(const Prepared& prepared) {
  return fmt::format("{}\n{}\n{}", prepared.kernel_release, prepared.boot_seconds,
                     prepared.console);
}

bool read_note(const std::string& note, Prepared& prepared) {
  const std::size_t first = note.find('\n');
  const std::size_t second = first == std::string::npos ? first : note.find('\n', first + 1);
  if (second == std::string::npos)
    return false;
  prepared.kernel_release = note.substr(0, first);
  prepared.boot_seconds = std::strtod(note.c_str() + first + 1, nullptr);
  prepared.console = note.substr(second + 1);
  return true;
}

} // namespace

std::optional<Prepared> load_prepared(Backend& backend, const std::filesystem::path& file,
                                      const std::string& key) {
  try {
    SavedSnapshot saved = backend.load(file, key);
    Prepared prepared;
    if (!saved.snapshot || !read_note(saved.note, prepared))
      return std::nullopt;
    backend.clone(saved.snapshot)->stop(); // a try: this machine's KVM may not take it any more
    prepared.snapshot = std::move(saved.snapshot);
    return prepared;
  } catch (const base::Error& error) {
    base::log("monitor", base::LogLevel::warn, "the saved guest is not used: {}", error.what());
    return std::nullopt;
  }
}

void save_prepared(Backend& backend, const std::filesystem::path& file, const std::string& key,
                   const Prepared& prepared) {
  try {
    backend.save(*prepared.snapshot, file, key, note_of(prepared));
  } catch (const base::Error& error) {
    base::log("monitor", base::LogLevel::info, "the guest is not saved: {}", error.what());
  }
}

} // namespace harness
