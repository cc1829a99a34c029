#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch.hpp>

#include "harness/report/scan.hpp"

using harness::WordScan;

namespace {

constexpr std::size_t npos = std::string_view::npos;

const std::vector<std::string_view> words = {"BUG: ",          "WARNING: ",    "list_",
                                             "kernel BUG at ", "Oops",         "Oops: ",
                                             "-----[ cut ",    "Kernel panic", "ker"};

// What find promises, by definition.
std::size_t by_definition(std::string_view bytes, std::size_t from) {
  for (std::size_t at = from; at < bytes.size(); ++at) {
    const bool inside = at > 0 && (std::isalnum(static_cast<unsigned char>(bytes[at - 1])) != 0 ||
                                   bytes[at - 1] == '_');
    for (std::string_view word : words)
      if (!inside && bytes.substr(at).starts_with(word))
        return at;
  }
  return npos;
}

// Text of pieces that almost are words.
std::string near_words(std::mt19937& random) {
  std::string text;
  for (std::size_t size = random() % 200; text.size() < size;) {
    std::string_view word = words[random() % words.size()];
    if (random() % 4 != 0)
      word = word.substr(0, random() % (word.size() + 1));
    text += word;
    if (random() % 2 == 0)
      text += static_cast<char>(random());
    if (random() % 2 == 0)
      text += "_ \n(A0z"[random() % 7];
  }
  return text;
}

} // namespace

TEST_CASE("a scan finds what its definition says") {
  const WordScan scan(words);
  std::mt19937 random(3);
  std::size_t found = 0;
  for (int round = 0; round < 20000; ++round) {
    const std::string text = near_words(random);
    const std::size_t from = random() % (text.size() + 1);
    INFO(text);
    const std::size_t expected = by_definition(text, from);
    REQUIRE(scan.find(text, from) == expected);
    REQUIRE(scan.find_slowly(text, from) == expected);
    found += expected != npos;
  }
  CHECK(found > 5000);
  CHECK(found < 18000);
}

TEST_CASE("a word is found at every offset of a block") {
  const WordScan scan(words);
  for (std::size_t before = 0; before < 70; ++before)
    for (std::size_t after = 0; after < 40; ++after) {
      const std::string text = std::string(before, ' ') + "BUG: " + std::string(after, 'x');
      REQUIRE(scan.find(text) == before);
      REQUIRE(scan.find(text, before + 1) == npos);
    }
}

TEST_CASE("a word inside of another word does not count") {
  const WordScan scan(words);
  const std::string rest(64, '.');
  for (const char* text : {"plist_x", "DEBUG: ", "0BUG: ", "_list_"})
    CHECK(scan.find(text + rest) == npos);
  for (const char* text : {" list_x", "\xc3list_", "[BUG: ", "]BUG: ", "\nBUG: ", ">BUG: "})
    CHECK(scan.find(text + rest) == 1);
  CHECK(scan.find("list_" + rest) == 0);
  CHECK(scan.find("") == npos);
  CHECK(scan.find("BUG:") == npos);
}

TEST_CASE("all words at a place are told, in their order") {
  const WordScan scan(words);
  std::vector<std::size_t> told;
  scan.each_at("an Oops: 1", 3, [&](std::size_t index) { told.push_back(index); });
  CHECK(told == std::vector<std::size_t>{4, 5});
  told.clear();
  scan.each_at("x", 0, [&](std::size_t index) { told.push_back(index); });
  CHECK(told.empty());
}
