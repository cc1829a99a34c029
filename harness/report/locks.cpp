#include "harness/report/locks.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "harness/report/frames.hpp"
#include "vmm/base/text.hpp"

namespace harness {

namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::string_view digits = "0123456789";

bool take_word(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word))
    return false;
  text.remove_prefix(word.size());
  return true;
}

// The whole of text as a number; nothing where it is none or too large.
template<typename Number> std::optional<Number> number(std::string_view text) {
  Number value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size())
    return {};
  return value;
}

// "net/core/dev.c:123", and the same in the parentheses of a 32-bit arm trace.
void read_file(std::string_view word, CodePlace& place) {
  if (word.ends_with(')'))
    word.remove_suffix(1);
  std::size_t colon = word.rfind(':');
  if (colon == std::string_view::npos || word.substr(0, colon).find('.') == std::string_view::npos)
    return;
  if (auto line = number<unsigned>(word.substr(colon + 1))) {
    place.file = word.substr(0, colon);
    place.line = *line;
  }
}

// The two words after a symbol, in either order: " [module] file:line".
void read_rest(std::string_view rest, CodePlace& place) {
  for (int words = 0; words < 2 && take_word(rest, " "); ++words) {
    std::string_view word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(word.size());
    if (word.starts_with('[') && word.ends_with(']') && word != "[inline]")
      place.module = word.substr(1, word.size() - 2);
    else
      read_file(word, place);
  }
}

// Past "#12:" and the spaces around it.
std::string_view after_index(std::string_view text) {
  text = base::trim(text);
  if (!text.starts_with('#'))
    return text;
  std::size_t colon = text.find_first_not_of(digits, 1);
  if (colon == 1 || colon == std::string_view::npos || text[colon] != ':')
    return text;
  return base::trim(text.substr(colon + 1));
}

std::optional<CodePlace> frame_place(std::string_view text, bool certain) {
  auto frame = parse_frame(text);
  if (!frame || frame->certain != certain)
    return {};
  CodePlace place;
  place.function = frame->function;
  place.offset = frame->offset;
  place.inlined = frame->inlined;
  read_rest(text.substr(frame->name_end), place);
  return place;
}

} // namespace

std::optional<CodePlace> read_place(std::string_view text) { return frame_place(text, true); }

std::optional<CodePlace> read_stale_place(std::string_view text) {
  return frame_place(text, false);
}

std::optional<TaskId> read_task(std::string_view text) {
  std::size_t slash = text.rfind('/');
  if (slash == std::string_view::npos || slash == 0)
    return {};
  auto pid = number<int>(text.substr(slash + 1));
  if (!pid)
    return {};
  return TaskId{std::string(text.substr(0, slash)), *pid};
}

std::optional<LockClass> read_lock_class(std::string_view text) {
  std::size_t open = text.find('(');
  std::size_t close = text.find("){", open == std::string_view::npos ? text.size() : open);
  if (close == std::string_view::npos)
    return {};
  LockClass lock;
  lock.name = text.substr(open + 1, close - open - 1);
  std::size_t slash = lock.name.rfind('/');
  if (slash != std::string::npos)
    lock.subclass = number<unsigned>(std::string_view(lock.name).substr(slash + 1)).value_or(0);
  std::string_view rest = text.substr(close + 2);
  std::size_t end = rest.find('}');
  lock.usage = rest.substr(0, end);
  if (end == std::string_view::npos)
    return lock;
  rest.remove_prefix(end + 1);
  if (take_word(rest, "-{"))
    lock.wait = rest.substr(0, rest.find('}'));
  return lock;
}

std::optional<Lock> read_lock(std::string_view text) {
  text = after_index(text);
  Lock lock;
  if (text.starts_with("<RELEASED>")) {
    lock.lock_class.name = "<RELEASED>";
    return lock;
  }
  std::size_t address = std::min(text.find_first_not_of(hex_digits), text.size());
  if (address >= 8 && text.substr(address).starts_with(" (")) {
    lock.address = text.substr(0, address);
    text.remove_prefix(address + 1);
  }
  for (std::string_view unknown : {"(____ptrval____) ", "(ptrval) "})
    take_word(text, unknown);
  if (!text.starts_with('('))
    return {};
  auto lock_class = read_lock_class(text);
  if (!lock_class)
    return {};
  lock.lock_class = std::move(*lock_class);
  constexpr std::string_view mark = ", at: ";
  std::size_t at = text.find(mark, lock.lock_class.name.size() + 2);
  if (at != std::string_view::npos)
    if (auto place = read_place(text.substr(at + mark.size())))
      lock.at.push_back(std::move(*place));
  return lock;
}

std::optional<HeldLocks> read_held_heading(std::string_view text) {
  text = base::trim(text);
  HeldLocks held;
  std::size_t count = std::min(text.find_first_not_of(digits), text.size());
  if (auto value = number<unsigned>(text.substr(0, count)))
    held.count = *value;
  else if (!text.starts_with("no "))
    return {};
  text.remove_prefix(count != 0 ? count : 2);
  if (!take_word(text, " locks held by ") && !take_word(text, " lock held by "))
    return {};
  while (text.ends_with(':') || text.ends_with('.'))
    text.remove_suffix(1);
  auto task = read_task(text);
  if (!task)
    return {};
  held.task = std::move(*task);
  return held;
}

void add_lock(std::vector<Lock>& locks, Lock lock) {
  bool more = !locks.empty() && !locks.back().at.empty() && locks.back().at.back().inlined &&
              locks.back().address == lock.address &&
              locks.back().lock_class.name == lock.lock_class.name;
  if (!more) {
    locks.push_back(std::move(lock));
    return;
  }
  for (CodePlace& place : lock.at)
    locks.back().at.push_back(std::move(place));
}

std::string place_text(const CodePlace& place) {
  std::string text = place.function;
  if (place.offset != 0)
    text += fmt::format("+{:#x}", place.offset);
  if (!place.module.empty())
    text += fmt::format(" [{}]", place.module);
  if (!place.file.empty())
    text += fmt::format(" ({}:{})", place.file, place.line);
  return text;
}

std::string lock_text(const Lock& lock) {
  if (lock.at.empty())
    return lock.lock_class.name;
  return fmt::format("{} at {}", lock.lock_class.name, place_text(lock.at.back()));
}

} // namespace harness
