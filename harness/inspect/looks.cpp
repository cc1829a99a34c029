#include "harness/inspect/looks.hpp"

#include <algorithm>
#include <cstddef>

#include "harness/report/frames.hpp"
#include "harness/report/machinery.hpp"

namespace harness {

namespace {

constexpr unsigned percent_that_agree = 80;
constexpr unsigned percent_of_looks = 60; // that must find a task for it to count as spinning

bool is_idle(const CpuLook& look) {
  if (look.halted)
    return look.interrupts || look.pid == 0;
  const bool interrupted =
      std::any_of(look.stack.begin(), look.stack.end(),
                  [](const NamedFrame& frame) { return frame.frame.how == UnwindStep::interrupt; });
  return look.pid == 0 && !look.user && !interrupted;
}

// Frames that all stacks have, counted from the outermost; and of the frame that comes next the
// functions that all have.
struct Common {
  std::size_t frames = 0;
  std::size_t functions = 0;
};

const NamedFrame& from_outside(const CpuLook& look, std::size_t index) {
  return look.stack[look.stack.size() - 1 - index];
}

const std::string& holder(const CpuLook& look, std::size_t index) {
  return from_outside(look, index).functions.back().function;
}

// Takes away the few looks that show another function there than all others: their stacks could not
// be followed, as in the first instructions of an interrupt.
void drop_outliers(std::vector<const CpuLook*>& looks, std::size_t index) {
  std::map<std::string, std::size_t> counts;
  for (const CpuLook* look : looks)
    ++counts[holder(*look, index)];
  const auto most =
      std::max_element(counts.begin(), counts.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most->second * 100 >= looks.size() * percent_that_agree)
    std::erase_if(looks, [&](const CpuLook* look) { return holder(*look, index) != most->first; });
}

// Frames that return to the same place: nothing says that they got on.
std::size_t same_frames(std::vector<const CpuLook*>& looks) {
  const auto differs = [&looks](std::size_t index) {
    return std::any_of(looks.begin(), looks.end(), [&](const CpuLook* look) {
      return from_outside(*look, index).frame.ip != from_outside(*looks.front(), index).frame.ip;
    });
  };
  for (std::size_t index = 0;; ++index) {
    if (std::any_of(looks.begin(), looks.end(),
                    [index](const CpuLook* look) { return index >= look->stack.size(); }))
      return index;
    if (differs(index))
      drop_outliers(looks, index);
    if (differs(index))
      return index;
  }
}

std::size_t same_functions(const std::vector<const CpuLook*>& looks, std::size_t frame) {
  for (std::size_t index = 0;; ++index)
    for (const CpuLook* look : looks) {
      if (frame >= look->stack.size() || frame >= looks.front()->stack.size())
        return index;
      const auto& first = from_outside(*looks.front(), frame).functions;
      const auto& other = from_outside(*look, frame).functions;
      if (index >= first.size() || index >= other.size() ||
          first[first.size() - 1 - index].function != other[other.size() - 1 - index].function)
        return index;
    }
}

Common common_part(std::vector<const CpuLook*>& looks) {
  Common common;
  if (looks.front()->stack.empty())
    return common;
  common.frames = same_frames(looks);
  // A loop of one instruction: all frames are the same.
  if (common.frames == looks.front()->stack.size())
    --common.frames;
  common.functions = same_functions(looks, common.frames);
  return common;
}

// The functions of the common part, innermost first.
std::vector<SourceFrame> common_functions(const CpuLook& look, const Common& common) {
  std::vector<SourceFrame> functions;
  if (common.functions > 0) {
    const auto& inner = from_outside(look, common.frames).functions;
    functions.assign(inner.end() - static_cast<std::ptrdiff_t>(common.functions), inner.end());
  }
  for (std::size_t frame = common.frames; frame > 0; --frame) {
    const auto& all = from_outside(look, frame - 1).functions;
    functions.insert(functions.end(), all.begin(), all.end());
  }
  return functions;
}

std::vector<std::string> names_of(const std::vector<SourceFrame>& functions) {
  std::vector<std::string> names;
  names.reserve(functions.size());
  for (const SourceFrame& function : functions)
    names.emplace_back(plain_name(function.function));
  return names;
}

// A look with fewest frames beyond the common part.
const CpuLook& best_example(const std::vector<const CpuLook*>& looks) {
  return **std::min_element(looks.begin(), looks.end(), [](const CpuLook* a, const CpuLook* b) {
    return a->stack.size() < b->stack.size();
  });
}

// False where what is common is only how the kernel is entered.
bool describe(std::vector<const CpuLook*> looks, Spin& spin) {
  const Common common = common_part(looks);
  const CpuLook& example = best_example(looks);
  const std::vector<SourceFrame> functions = common_functions(example, common);
  const std::vector<std::string> names = names_of(functions);
  if (names.empty() || is_dispatcher(names.front()))
    return false;
  const std::size_t guilty = guilty_index(names, false);
  if (is_dispatcher(names[guilty]) && guilty != 0)
    return false;
  spin.function = names.front();
  spin.frame = names[guilty];
  spin.under = guilty + 1 < names.size() ? names[guilty + 1] : "";
  spin.source = functions[guilty];
  spin.printing = std::find(names.begin(), names.end(), "vprintk_emit") != names.end();
  spin.example = example;
  for (const CpuLook* look : looks)
    ++spin.at[std::string(plain_name(look->stack.front().functions.front().function))];
  return true;
}

// How a task was found.
struct Sightings {
  std::vector<const CpuLook*> busy;
  bool user = false;
  unsigned cpu = 0;
};

std::map<std::uint64_t, Sightings> by_task(const std::vector<Look>& looks) {
  std::map<std::uint64_t, Sightings> tasks;
  for (const Look& look : looks)
    for (std::size_t cpu = 0; cpu < look.size(); ++cpu) {
      const CpuLook& one = look[cpu];
      // The idle task is another one on each CPU, each with pid 0.
      const std::uint64_t key = one.task != 0 ? one.task : cpu + 1;
      if (is_idle(one) || one.halted)
        continue;
      Sightings& sightings = tasks[key];
      sightings.user = sightings.user || one.user;
      if (!one.user && !one.stack.empty()) {
        sightings.busy.push_back(&one);
        sightings.cpu = static_cast<unsigned>(cpu);
      }
    }
  return tasks;
}

bool all_off(const std::vector<const CpuLook*>& looks) {
  return std::none_of(looks.begin(), looks.end(),
                      [](const CpuLook* look) { return look->interrupts; });
}

} // namespace

std::vector<Spin> find_spins(const std::vector<Look>& looks) {
  std::vector<Spin> spins;
  for (const auto& [task, sightings] : by_task(looks)) {
    if (sightings.user || sightings.busy.size() * 100 < looks.size() * percent_of_looks ||
        sightings.busy.size() < 2)
      continue;
    Spin spin;
    spin.task = sightings.busy.front()->task;
    spin.interrupts_off = all_off(sightings.busy);
    spin.seen = static_cast<unsigned>(sightings.busy.size());
    spin.looks = static_cast<unsigned>(looks.size());
    spin.cpu = sightings.cpu;
    if (describe(sightings.busy, spin))
      spins.push_back(std::move(spin));
  }
  std::stable_sort(spins.begin(), spins.end(), [](const Spin& a, const Spin& b) {
    return a.printing != b.printing ? b.printing : a.seen > b.seen;
  });
  return spins;
}

CpuUse use_of(const std::vector<Look>& looks, std::size_t cpu) {
  CpuUse use;
  for (const Look& look : looks) {
    if (cpu >= look.size())
      continue;
    const CpuLook& one = look[cpu];
    if (!one.started)
      ++use.not_started;
    else if (one.halted && !one.interrupts)
      ++use.halted_for_ever;
    else if (is_idle(one))
      ++use.idle;
    else
      ++(one.user ? use.user : use.kernel);
  }
  return use;
}

std::size_t guilty_index(const std::vector<std::string>& functions, bool sleeps) {
  const Skip skip = sleeps ? Skip::wait : Skip::common;
  for (std::size_t i = 0; i < functions.size(); ++i)
    if (!is_machinery(functions[i], skip))
      return i;
  return 0;
}

std::vector<std::string> functions_of(const std::vector<NamedFrame>& stack) {
  std::vector<std::string> names;
  for (const NamedFrame& frame : stack)
    for (const SourceFrame& function : frame.functions)
      names.emplace_back(plain_name(function.function));
  return names;
}

} // namespace harness
