#include "vmm/base/log.hpp"

#include <catch2/catch.hpp>

#include "vmm/base/error.hpp"

TEST_CASE("log levels are set by module") {
  base::configure_log("info,backend=debug");
  REQUIRE(base::log_enabled("backend", base::LogLevel::debug));
  REQUIRE_FALSE(base::log_enabled("kernel", base::LogLevel::debug));
  REQUIRE(base::log_enabled("kernel", base::LogLevel::info));
  base::configure_log("warn,backend=warn");
}

TEST_CASE("an unknown log level is the user's mistake, with a hint") {
  REQUIRE_THROWS_WITH(base::configure_log("degub"),
                      "KREPRO_LOG: unknown level 'degub': expected debug, info, warn or off (did "
                      "you mean 'debug'?)");
}
