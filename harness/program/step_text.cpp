#include <fmt/format.h>

#include "harness/program/constants.hpp"
#include "harness/program/steps.hpp"
#include "vmm/base/text.hpp"

namespace harness {

namespace {

std::vector<std::int32_t> errors_of(const TomlTable& table) {
  std::vector<std::string> names;
  if (table.raw().get("errno")->is_array())
    names = table.texts("errno");
  else
    names = base::split(table.need_text("errno"), '|');
  std::vector<std::int32_t> errors;
  for (const std::string& piece : names) {
    const std::string name(base::trim(piece));
    const std::optional<std::int32_t> number = errno_number(name);
    if (!number)
      table.fail("errno", fmt::format("unknown errno '{}'{}; expected a name like \"EFAULT\"", name,
                                      base::did_you_mean(name, errno_names())));
    errors.push_back(*number);
  }
  return errors;
}

// Addresses and sizes as people write them, counts and small numbers in decimal.
std::string show(const toml::node& node, std::string_view key) {
  if (const auto* value = node.as_integer())
    return value->get() < 1024 || key == "count" ? std::to_string(value->get())
                                                 : fmt::format("{:#x}", value->get());
  if (const auto* value = node.as_string())
    return base::printable(value->get());
  if (const auto* value = node.as_boolean())
    return value->get() ? "true" : "false";
  std::string list;
  if (const toml::array* array = node.as_array())
    for (const toml::node& item : *array)
      list +=
          (list.empty() ? "" : "|") + (item.is_table() ? std::string("{...}") : show(item, key));
  return list.empty() ? "[]" : list;
}

} // namespace

guest::Expectation expectation_of(const TomlTable& table) {
  using Kind = guest::Expectation::Kind;
  guest::Expectation expectation;
  const int given =
      (table.has("errno") ? 1 : 0) + (table.has("result") ? 1 : 0) + (table.has("expect") ? 1 : 0);
  if (given > 1)
    table.fail("expect", "errno, result and expect exclude each other; expected one of them");
  if (table.has("errno")) {
    expectation.kind = Kind::failure;
    expectation.errors = errors_of(table);
  } else if (table.has("result")) {
    expectation.kind = Kind::result;
    expectation.result = static_cast<std::int64_t>(need_number(table, "result"));
  } else if (table.has("expect")) {
    const std::string word = table.need_text("expect");
    if (word == "success")
      expectation.kind = Kind::success;
    else if (word == "failure")
      expectation.kind = Kind::failure;
    else if (word != "any")
      table.fail("expect",
                 fmt::format("unknown expectation '{}'{}; expected success, failure or "
                             "any",
                             word, base::did_you_mean(word, {"success", "failure", "any"})));
  }
  return expectation;
}

std::string describe(const TomlTable& table, const StepKind& kind) {
  std::string text(kind.name);
  std::vector<std::string> keys = kind.keys;
  if (kind.keys.empty() && table.has("request")) {
    keys = ioctl_keys(need_number(table, "request"));
    keys.insert(keys.begin(), "fd");
  }
  // What it is about comes first, without its key.
  for (const char* key : {"request", "message"})
    if (const toml::node* node = table.raw().get(key))
      text += " " + show(*node, key);
  for (const std::string& key : keys)
    if (const toml::node* node = table.raw().get(key); node && key != "message")
      text += fmt::format(" {}={}", key, show(*node, key));
  return text;
}

} // namespace harness
