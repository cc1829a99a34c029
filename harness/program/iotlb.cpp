#include <fmt/format.h>

#include "harness/program/steps.hpp"
#include "vmm/base/text.hpp"

namespace harness {

namespace {

struct Word {
  std::string_view name;
  std::uint8_t value;
};

constexpr Word messages[] = {{"miss", 1},        {"update", 2},      {"invalidate", 3},
                             {"access-fail", 4}, {"batch-begin", 5}, {"batch-end", 6}};
constexpr Word permissions[] = {{"none", 0}, {"ro", 1}, {"wo", 2}, {"rw", 3}};

// One of the words, or a number for what no word stands for.
template<std::size_t N>
std::uint8_t word_or_number(const TomlTable& table, std::string_view key, const Word (&words)[N]) {
  if (table.raw().get(key)->is_integer())
    return static_cast<std::uint8_t>(*table.integer(key, 0, 255));
  const std::string text = table.need_text(key);
  std::vector<std::string> known;
  for (const Word& word : words) {
    if (word.name == text)
      return word.value;
    known.emplace_back(word.name);
  }
  std::string list;
  for (const std::string& word : known)
    list += (list.empty() ? "" : ", ") + word;
  table.fail(key, fmt::format("unknown {} '{}'{}; expected one of {}, or a number", key, text,
                              base::did_you_mean(text, known), list));
}

} // namespace

guest::Data iotlb_message(const TomlTable& table, const Names& names) {
  constexpr std::int64_t size = 72;
  if (!table.has("message"))
    table.fail("message", "'message' is missing; expected message = \"update\"");
  const std::int64_t version = table.integer("version", 0, 0xffffffff).value_or(1);
  if (table.has("asid") && version != 2)
    table.fail("asid", "'asid' is of version 2 only; expected version = 2 beside it");
  Fields fields(size);
  fields.u32(0, static_cast<std::uint32_t>(version)).u32(4, number32(table, "asid", 0));
  fields.u64(8, number(table, "iova", 0)).u64(16, number(table, "size", 0));
  fields.address(24, operand(table, "uaddr", names));
  if (table.has("perm"))
    fields.u8(32, word_or_number(table, "perm", permissions));
  fields.u8(33, word_or_number(table, "message", messages));
  guest::Data data = fields.take();
  const std::int64_t length = table.integer("length", 0, 4096).value_or(size);
  if (length < 32)
    data.fixups.clear();
  data.bytes.resize(static_cast<std::size_t>(length));
  return data;
}

} // namespace harness
