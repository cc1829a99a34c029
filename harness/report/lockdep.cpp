#include "harness/report/lockdep.hpp"

#include <algorithm>
#include <charconv>
#include <initializer_list>

#include "harness/report/lines.hpp"
#include "harness/report/lockdep_words.hpp"
#include "harness/report/split_lines.hpp"
#include "harness/report/task_stack.hpp"
#include "vmm/base/text.hpp"

namespace harness {

namespace {

constexpr std::size_t max_lines = 4096;
constexpr std::size_t second_cpu = 16; // the column of CPU1 is 31, of the deepest CPU0 cell 4

bool contains(std::string_view text, std::string_view words) {
  return text.find(words) != std::string_view::npos;
}

// "name/12" before at, without the "[HC0[0]:..." of interrupt reports.
std::optional<TaskId> task_before(std::string_view text, std::size_t at) {
  text = text.substr(0, at);
  text = text.substr(0, text.find(" [HC"));
  return read_task(base::trim(text));
}

bool starts_with_one(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return text.starts_with(word); });
}

class Reader {
 public:
  explicit Reader(LockdepKind kind, std::string_view headline) {
    report_.kind = kind;
    report_.headline = headline_words(headline);
    if (std::size_t still = report_.headline.find(" still has locks held");
        still != std::string::npos)
      if (auto task = task_before(report_.headline, still))
        report_.task = std::move(*task);
  }

  bool done() const { return part_ == LockdepPart::end; }
  LockdepReport take() { return std::move(report_); }

  void read(std::string_view line) {
    std::string_view text = base::trim(line);
    if (text.empty())
      return;
    bool after = !report_.backtrace.empty();
    if (after && starts_with_one(text, {"INFO: ", "BUG: ", "WARNING: ", "---[ end", "Kernel panic",
                                        "------------[ cut"}))
      part_ = LockdepPart::end;
    else if (!starts_list(text) && !starts_part(text))
      add(line, text);
  }

 private:
  bool starts_part(std::string_view text) {
    std::size_t at = 0;
    const LockdepPhrase* phrase = find_phrase(text, at);
    if (phrase)
      enter(*phrase, text, at);
    return phrase != nullptr;
  }

  void enter(const LockdepPhrase& phrase, std::string_view text, std::size_t at) {
    if (auto task = phrase.names_task ? task_before(text, at) : std::nullopt)
      report_.task = std::move(*task);
    part_ = phrase.part;
    if (part_ == LockdepPart::wanted && text.ends_with(") at:"))
      name_wanted(text.substr(at + phrase.words.size()));
    bool same_lock = phrase.words.starts_with("... which") && !report_.related.empty();
    if ((part_ == LockdepPart::related && !same_lock) || part_ == LockdepPart::missing)
      report_.related.push_back({std::string(text), {}, {}});
    if (part_ == LockdepPart::backtrace && !report_.backtrace.empty())
      part_ = LockdepPart::other;
  }

  // "&vq->mutex) at:": a lock that is only named.
  void name_wanted(std::string_view text) {
    report_.wanted.emplace();
    report_.wanted->lock_class.name = text.substr(0, text.size() - 5);
  }

  // Lines that start an item of a list, whatever part they stand in.
  bool starts_list(std::string_view text) {
    if (auto held = read_held_heading(text)) {
      if (report_.task.name.empty())
        report_.task = held->task;
      report_.held.push_back(std::move(*held));
      part_ = LockdepPart::held;
      return true;
    }
    if (text.starts_with("the dependencies between ") ||
        text.starts_with("the shortest dependencies between ")) {
      report_.dependencies.push_back({std::string(text), {}});
      part_ = LockdepPart::dependencies;
      return true;
    }
    // The second half of "the dependencies between the lock to be acquired and ...".
    if (part_ == LockdepPart::dependencies && text.starts_with("and ") &&
        text.ends_with(" lock:")) {
      report_.dependencies.back().says += " " + std::string(text);
      return true;
    }
    if (text == "Call Trace:" || text == "Call trace:") {
      part_ = report_.backtrace.empty() ? LockdepPart::backtrace : LockdepPart::other;
      return true;
    }
    return false;
  }

  void add(std::string_view line, std::string_view text) {
    switch (part_) {
    case LockdepPart::ident:
      return add_ident(text);
    case LockdepPart::wanted:
      return add_to(report_.wanted, text);
    case LockdepPart::holding:
      return add_to(report_.holding, text);
    case LockdepPart::related:
      return add_related(text);
    case LockdepPart::missing:
      return add_missing(text);
    case LockdepPart::chain:
      return add_chain(text);
    case LockdepPart::chain_of:
      return add_chain_of(text);
    case LockdepPart::dependencies:
      return add_dependency(text);
    case LockdepPart::scenario:
      return add_scenario(line, text);
    case LockdepPart::held:
      return add_held(text);
    case LockdepPart::events:
      return add_event(text);
    case LockdepPart::backtrace:
      return add_backtrace(text);
    case LockdepPart::other:
    case LockdepPart::end:
      return add_other(text);
    }
  }

  void add_ident(std::string_view text) {
    if (!contains(text, "ainted"))
      return add_other(text);
    report_.kernel = text.substr(0, text.find(' '));
    part_ = LockdepPart::other;
  }

  // A lock's line, or a place alone where the lock was only named.
  void add_to(std::optional<Lock>& slot, std::string_view text) {
    bool open = !slot || slot->at.empty() || slot->at.back().inlined;
    if (!open)
      return;
    if (auto lock = read_lock(text)) {
      if (slot && slot->at.empty())
        return;
      if (slot)
        slot->at.insert(slot->at.end(), lock->at.begin(), lock->at.end());
      else
        slot = std::move(lock);
    } else if (auto place = read_place(text); place && slot) {
      slot->at.push_back(std::move(*place));
    }
  }

  void add_related(std::string_view text) {
    if (report_.related.empty())
      return;
    RelatedLock& related = report_.related.back();
    if (auto place = read_place(text))
      related.stack.push_back(std::move(*place));
    else if (auto lock = read_lock_class(text); lock && related.lock.name.empty())
      related.lock = std::move(*lock);
  }

  void add_missing(std::string_view text) {
    if (!contains(text, " "))
      report_.related.back().lock.name = text;
    part_ = LockdepPart::other;
  }

  // "-> #1 (&dev->mutex){+.+.}:" or a frame of the last one.
  void add_chain(std::string_view text) {
    if (text.starts_with("-> #")) {
      ChainEntry entry;
      std::from_chars(text.data() + 4, text.data() + text.size(), entry.number);
      entry.lock = read_lock_class(text).value_or(LockClass{});
      entry.stacks.emplace_back();
      report_.chain.push_back(std::move(entry));
    } else if (auto place = read_place(text); place && !report_.chain.empty()) {
      report_.chain.back().stacks.back().frames.push_back(std::move(*place));
    }
  }

  void add_chain_of(std::string_view text) {
    constexpr std::string_view arrow = " --> ";
    if (!contains(text, arrow))
      return;
    while (true) {
      std::size_t end = text.find(arrow);
      report_.chain_of.emplace_back(base::trim(text.substr(0, end)));
      if (end == std::string_view::npos)
        break;
      text.remove_prefix(end + arrow.size());
    }
    part_ = LockdepPart::other;
  }

  // "-> (class){..} ops: 3 {", "IN-HARDIRQ-W at:", "... acquired at:", and frames.
  void add_dependency(std::string_view text) {
    std::vector<ChainEntry>& locks = report_.dependencies.back().locks;
    if (text.starts_with("-> (")) {
      locks.push_back({-1, read_lock_class(text).value_or(LockClass{}), {}});
    } else if (locks.empty() || contains(text, "... key")) {
      return;
    } else if (text.ends_with(" at:")) {
      std::string_view label = text.substr(0, text.size() - 4);
      label.remove_prefix(label.starts_with("... ") ? 4 : 0);
      locks.back().stacks.push_back({std::string(label), {}});
    } else if (auto place = read_place(text); place && !locks.back().stacks.empty()) {
      locks.back().stacks.back().frames.push_back(std::move(*place));
    }
  }

  void add_scenario(std::string_view line, std::string_view text) {
    if (text.starts_with("*** DEADLOCK ***")) {
      part_ = LockdepPart::other;
      return;
    }
    if (!starts_with_one(text, {"lock(", "rlock(", "sync(", "local_irq_", "<Interrupt>"}))
      return;
    std::size_t column = line.find_first_not_of(' ');
    std::array<std::string, 2> row;
    if (column >= second_cpu)
      row[1] = text;
    else
      row[0] = std::string(column > 3 ? 2 : 0, ' ') + std::string(text);
    report_.scenario.push_back(std::move(row));
  }

  void add_held(std::string_view text) {
    if (!text.starts_with('#'))
      return add_other(text);
    if (auto lock = read_lock(text))
      add_lock(report_.held.back().locks, std::move(*lock));
  }

  // "hardirqs last  enabled at (93): [<ffffffff81234567>] function+0x1/0x2"
  void add_event(std::string_view text) {
    constexpr std::string_view mark = " at (";
    std::size_t at = text.find(mark);
    std::size_t close = text.find("): ", at == std::string_view::npos ? text.size() : at);
    bool event = text.starts_with("hardirqs last ") || text.starts_with("softirqs last ");
    if (!event || close == std::string_view::npos)
      return add_other(text);
    IrqEvent read;
    read.what = contains(text.substr(0, at), "enabled") ? "last enabled" : "last disabled";
    read.what = std::string(text.substr(0, 9)) + read.what;
    std::from_chars(text.data() + at + mark.size(), text.data() + close, read.number);
    auto place = read_place(text.substr(close + 3));
    std::vector<IrqEvent>& all = report_.irq_events;
    if (all.empty() || all.back().at.empty() || !all.back().at.back().inlined)
      all.push_back(std::move(read));
    if (place)
      all.back().at.push_back(std::move(*place));
  }

  void add_backtrace(std::string_view text) {
    if (auto place = read_place(text)) {
      report_.backtrace.push_back(std::move(*place));
      return;
    }
    if (auto heading = read_stack_heading(text); heading && report_.task.name.empty())
      report_.task = std::move(heading->task);
    else if (!report_.backtrace.empty() && starts_with_one(text, {"RIP: 0033", "</TASK>"}))
      part_ = LockdepPart::other;
  }

  void add_other(std::string_view text) {
    constexpr std::string_view context = "context-{";
    if (text.starts_with(context))
      report_.context = text.substr(context.size(), text.find('}') - context.size());
    else if (report_.kind == LockdepKind::inconsistent_state && text.starts_with("inconsistent {"))
      report_.usage = text.substr(13, text.rfind('}') + 1 - 13);
    else if (report_.kind == LockdepKind::suspicious_rcu && report_.rcu_message.empty())
      add_rcu(text);
  }

  // "net/core/dev.c:123 suspicious rcu_dereference_check() usage!"
  void add_rcu(std::string_view text) {
    std::size_t space = text.find(' ');
    std::size_t colon = text.substr(0, space).rfind(':');
    if (space == std::string_view::npos || colon == std::string_view::npos)
      return;
    auto [end, error] =
        std::from_chars(text.data() + colon + 1, text.data() + space, report_.rcu_line);
    if (error != std::errc() || end != text.data() + space)
      return;
    report_.rcu_file = text.substr(0, colon);
    report_.rcu_message = text.substr(space + 1);
  }

  LockdepReport report_;
  LockdepPart part_ = LockdepPart::ident;
};

} // namespace

std::optional<LockdepReport> read_lockdep(std::string_view text) {
  std::optional<Reader> reader;
  SplitLines pieces;
  std::size_t lines = 0;
  for (std::size_t at = 0; at < text.size() && lines < max_lines; ++lines) {
    LogLine line = line_at(text, at);
    at = line.end;
    if (auto whole = reader ? pieces.add(line.text) : std::nullopt)
      reader->read(*whole);
    else if (auto kind = reader ? std::nullopt : headline_kind(line.text))
      reader.emplace(*kind, line.text);
    if (reader && reader->done())
      break;
  }
  if (!reader)
    return {};
  return reader->take();
}

} // namespace harness
