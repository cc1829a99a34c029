#include "vmm/base/log.hpp"

#include <cstdio>
#include <map>

#include "vmm/base/error.hpp"
#include "vmm/base/text.hpp"

namespace base {

namespace {

struct Levels {
  LogLevel fallback = LogLevel::warn;
  std::map<std::string, LogLevel, std::less<>> modules;
};

Levels& levels() {
  static Levels instance;
  return instance;
}

LogLevel parse_level(const std::string& name) {
  if (name == "debug")
    return LogLevel::debug;
  if (name == "info")
    return LogLevel::info;
  if (name == "warn")
    return LogLevel::warn;
  if (name == "off")
    return LogLevel::off;
  throw UsageError(
      fmt::format("KREPRO_LOG: unknown level '{}': expected debug, info, warn or off{}", name,
                  did_you_mean(name, {"debug", "info", "warn", "off"})));
}

} // namespace

void configure_log(std::string_view spec) {
  if (spec.empty())
    return;
  for (const std::string& part : split(spec, ',')) {
    const std::size_t equals = part.find('=');
    if (equals == std::string::npos)
      levels().fallback = parse_level(part);
    else
      levels().modules[part.substr(0, equals)] = parse_level(part.substr(equals + 1));
  }
}

bool log_enabled(std::string_view module, LogLevel level) {
  const auto found = levels().modules.find(module);
  return level >= (found == levels().modules.end() ? levels().fallback : found->second);
}

void write_log(std::string_view module, LogLevel level, const std::string& message) {
  const char* mark = level == LogLevel::warn ? "warning: " : "";
  const std::string line = fmt::format("krepro: {}: {}{}\n", module, mark, printable(message));
  std::fwrite(line.data(), 1, line.size(), stderr);
}

} // namespace base
