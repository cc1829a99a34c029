#include "vmm/base/text.hpp"

#include <catch2/catch.hpp>

TEST_CASE("split keeps empty pieces") {
  REQUIRE(base::split("a,,b", ',') == std::vector<std::string>{"a", "", "b"});
  REQUIRE(base::split("", ',') == std::vector<std::string>{""});
}

TEST_CASE("lines_of drops the last newline only") {
  REQUIRE(base::lines_of("a\n\nb\n").size() == 3);
  REQUIRE(base::lines_of("").empty());
}

TEST_CASE("nearest finds a typing error and nothing far away") {
  const std::vector<std::string> known{"iotlb", "ioctl", "open"};
  REQUIRE(base::nearest("ioclt", known) == "ioctl");
  REQUIRE(base::nearest("completely", known).empty());
  REQUIRE(base::did_you_mean("opne", known) == " (did you mean 'open'?)");
}

TEST_CASE("printable takes the terminal's control away from a guest") {
  REQUIRE(base::printable("a\x1b[31mb\r\n") == "a?[31mb\n");
  REQUIRE(base::printable("\xff\xc3\xa4") == "\xef\xbf\xbd\xc3\xa4");
  REQUIRE(base::printable("a\xc2\x9b"
                          "31m\xc2\xa0") == "a\xef\xbf\xbd"
                                            "31m\xc2\xa0");
  REQUIRE(base::printable("\xc3") == "\xef\xbf\xbd");
  REQUIRE(base::printable(std::string_view("\0x", 2)) == "?x");
}

TEST_CASE("duration_text speaks as time does") {
  REQUIRE(base::duration_text(2.34) == "2.3s");
  REQUIRE(base::duration_text(59.96) == "1m0.0s");
  REQUIRE(base::duration_text(552.3) == "9m12.3s");
  REQUIRE(base::duration_text(3723) == "1h2m3.0s");
}
