// Messages for krepro's developers, by module: KREPRO_LOG=debug or
// KREPRO_LOG=backend=debug,kernel=info.
#pragma once

#include <string>
#include <string_view>

#include <fmt/format.h>

namespace base {

enum class LogLevel { debug, info, warn, off };

// Parses the syntax of KREPRO_LOG; default level: warn. Throws UsageError on an unknown level.
void configure_log(std::string_view spec);

bool log_enabled(std::string_view module, LogLevel level);

// One line on standard error: "krepro: <module>: <message>".
void write_log(std::string_view module, LogLevel level, const std::string& message);

template<class... Args>
void log(std::string_view module, LogLevel level, fmt::format_string<Args...> format,
         Args&&... args) {
  if (log_enabled(module, level))
    write_log(module, level, fmt::format(format, std::forward<Args>(args)...));
}

} // namespace base
