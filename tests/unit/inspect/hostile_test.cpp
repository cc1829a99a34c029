// Memory that a guest filled to mislead: whatever it holds, all that reads it ends.
#include <random>
#include <vector>

#include <catch2/catch.hpp>

#include "harness/inspect/lock_owner.hpp"
#include "harness/inspect/tasks.hpp"
#include "harness/inspect/unwind.hpp"
#include "tests/unit/inspect/kernel_by_hand.hpp"

namespace {

constexpr std::uint64_t text = 0xffffffff81000000;

// Words that mean something to a reader, at random: code, tasks, stacks, lists, flags.
class Words {
 public:
  explicit Words(unsigned seed) : random_(seed) {}

  std::uint64_t next(const std::vector<std::uint64_t>& tasks, std::uint64_t base) {
    switch (random_() % 8) {
    case 0:
      return text + random_() % 0x1000;
    case 1:
      return tasks[random_() % tasks.size()] + random_() % 4;
    case 2:
      return base + random_() % 0x4000;
    case 3:
      return (base + random_() % 0x4000) & ~std::uint64_t{7};
    case 4:
      return 0x10;
    case 5:
      return random_();
    case 6:
      return tasks[random_() % tasks.size()] + 8 * (random_() % 16);
    default:
      return ~std::uint64_t{0} - random_() % 64;
    }
  }

 private:
  std::mt19937_64 random_;
};

harness::OrcTable random_orc(unsigned seed, harness::OrcForm form) {
  std::mt19937_64 random(seed);
  std::string ips;
  std::string entries;
  for (unsigned i = 0; i < 400; ++i) {
    ips += static_cast<char>(random() % 256);
    entries += static_cast<char>(random() % 256);
    if (i % 2 == 1)
      entries += static_cast<char>(random() % 16);
    ips.resize(ips.size() / 4 * 4 + (ips.size() % 4 == 0 ? 0 : 4));
  }
  return {ips, text, entries, form, seed % 2 == 0};
}

} // namespace

TEST_CASE("memory at random makes no reader hang, throw or go on without end") {
  for (unsigned seed = 0; seed < 40; ++seed) {
    KernelByHand kernel;
    const std::vector<std::uint64_t> tasks{kernel.add_task("a", 1, 2), kernel.add_task("b", 2, 2),
                                           kernel.add_task("c", 3, 0)};
    Words words(seed);
    const auto first = harness::read_task(kernel.layout, kernel.read, tasks.front());
    REQUIRE(first);
    for (std::uint64_t offset = 0; offset < 0x4000; offset += 8)
      kernel.put(first->stack + offset, words.next(tasks, first->stack));
    for (std::uint64_t offset = 0; offset < 56; offset += 8)
      for (const std::uint64_t task : tasks)
        kernel.put(task + offset, words.next(tasks, first->stack));

    const auto listed = harness::read_tasks(kernel.layout, kernel.read, tasks.front());
    CHECK(listed.size() <= 16'384);
    std::vector<harness::Task> known{*first};
    const harness::TaskIndex index(known);
    for (const bool head : {false, true}) {
      const harness::LockLayout layout{harness::LockKind::mutex, 0, 16, 0, 8, head, 24};
      harness::find_lock_wait(layout, kernel.read, *first, index);
    }
    harness::UnwindTables tables;
    tables.code = [](std::uint64_t address) {
      return address - text < 0x1000 ? harness::CodeKind::kernel : harness::CodeKind::none;
    };
    for (const auto form :
         {harness::OrcForm::v4_14, harness::OrcForm::v6_3, harness::OrcForm::v6_4}) {
      harness::FrameRegisters start = harness::sleeping_frame(kernel.layout, *first, kernel.read);
      for (std::uint64_t offset = 0; offset < 0x2000; offset += 0x48) {
        start.ip = text + offset % 0x1000;
        start.exact = offset % 16 == 0;
        start.general[harness::rsp] = first->stack + offset;
        start.general[harness::rbp] = words.next(tasks, first->stack);
        CHECK(unwind(tables, start, kernel.read).size() <= 128);
      }
      tables.orc = random_orc(seed, form);
    }
  }
}
