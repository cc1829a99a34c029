#include "harness/inspect/kernel_memory.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace harness {

namespace {

constexpr std::uint64_t page_size = 4096;
constexpr std::size_t max_pages_known = 65'536; // 256 MiB

// Documentation/arch/x86/x86_64/mm.rst, and its version before 4.20 for the last.
constexpr std::uint64_t direct_map_4_levels = 0xffff888000000000;
constexpr std::uint64_t direct_map_5_levels = 0xff11000000000000;
constexpr std::uint64_t direct_map_old = 0xffff880000000000;
constexpr std::uint64_t direct_map_size_4_levels = std::uint64_t(1) << 46;
constexpr std::uint64_t direct_map_size_5_levels = std::uint64_t(1) << 55;

// Intel SDM volume 3, "4-level paging and 5-level paging".
constexpr std::uint64_t present = 1;
constexpr std::uint64_t large = 1 << 7;
constexpr std::uint64_t address_bits = 0x000ffffffffff000;

unsigned shift_of(int level) { return 12 + 9 * static_cast<unsigned>(level - 1); }

std::uint64_t index_at(int level, std::uint64_t address) {
  return address >> shift_of(level) & 0x1ff;
}

bool is_canonical(std::uint64_t address, bool five_levels) {
  const auto top = static_cast<std::int64_t>(address) >> (five_levels ? 56 : 47);
  return top == 0 || top == -1;
}

} // namespace

KernelMemory::KernelMemory(const KernelImage& kernel, ReadPhysical read)
    : kernel_(kernel), read_(std::move(read)) {}

void KernelMemory::forget() const {
  layout_.reset();
  pages_.clear();
}

template<class T> std::optional<T> KernelMemory::get_in_image(const char* symbol) const {
  const std::optional<std::uint64_t> address = kernel_.symbol(symbol);
  const std::optional<std::uint64_t> place = address ? kernel_.physical(*address) : std::nullopt;
  T value{};
  if (!place || !read_(*place, {reinterpret_cast<std::uint8_t*>(&value), sizeof value}))
    return {};
  return value;
}

std::optional<std::uint64_t> KernelMemory::root() const {
  std::optional<std::uint64_t> table = kernel_.symbol("init_top_pgt");
  if (!table)
    table = kernel_.symbol("init_level4_pgt"); // before 4.14
  return table ? kernel_.physical(*table) : std::nullopt;
}

std::optional<std::uint64_t> KernelMemory::entry(std::uint64_t table, std::uint64_t index) const {
  std::array<std::uint8_t, 8> bytes{};
  if (!read_(table + index * bytes.size(), bytes))
    return {};
  return number_in(bytes, Member{0, bytes.size()});
}

// page_offset_base says it. A kernel without that variable has it at one of two places: the one
// that is mapped.
std::uint64_t KernelMemory::find_direct_map(bool five_levels) const {
  const auto base = get_in_image<std::uint64_t>("page_offset_base");
  if (base && *base % (1 << 30) == 0 && *base >= direct_map_5_levels)
    return *base;
  if (five_levels)
    return direct_map_5_levels;
  const std::optional<std::uint64_t> table = root();
  const auto mapped =
      table ? entry(*table, index_at(4, direct_map_old)) : std::optional<std::uint64_t>();
  return mapped && (*mapped & present) != 0 ? direct_map_old : direct_map_4_levels;
}

const KernelMemory::Layout& KernelMemory::layout() const {
  if (!layout_) {
    Layout found;
    found.five_levels = get_in_image<std::uint32_t>("__pgtable_l5_enabled").value_or(0) == 1;
    found.direct_map = find_direct_map(found.five_levels);
    layout_ = found;
  }
  return *layout_;
}

std::optional<std::uint64_t> KernelMemory::walk(std::uint64_t address) const {
  const std::uint64_t page = address & ~(page_size - 1);
  if (const auto known = pages_.find(page); known != pages_.end())
    return known->second + (address - page);
  const bool five_levels = layout().five_levels;
  std::optional<std::uint64_t> table = root();
  if (!is_canonical(address, five_levels))
    return {};
  for (int level = five_levels ? 5 : 4; table && level >= 1; --level) {
    const std::optional<std::uint64_t> value = entry(*table, index_at(level, address));
    if (!value || (*value & present) == 0)
      return {};
    table = *value & address_bits;
    if (level != 1 && (level > 3 || (*value & large) == 0))
      continue;
    const std::uint64_t inside = (std::uint64_t(1) << shift_of(level)) - 1;
    const std::uint64_t place = (*table & ~inside) + (page & inside);
    if (pages_.size() >= max_pages_known)
      pages_.clear();
    pages_[page] = place;
    return place + (address - page);
  }
  return {};
}

std::optional<std::uint64_t> KernelMemory::physical(std::uint64_t address) const {
  if (const std::optional<std::uint64_t> place = kernel_.physical(address))
    return place;
  const Layout& found = layout();
  const std::uint64_t size =
      found.five_levels ? direct_map_size_5_levels : direct_map_size_4_levels;
  if (address >= found.direct_map && address - found.direct_map < size)
    return address - found.direct_map;
  return walk(address);
}

// Pages that follow each other in physical memory are copied at once.
bool KernelMemory::read(std::uint64_t address, std::span<std::uint8_t> to) const {
  if (to.size() > ~address)
    return false;
  while (!to.empty()) {
    const std::optional<std::uint64_t> start = physical(address);
    if (!start)
      return false;
    std::size_t length = std::min<std::size_t>(to.size(), page_size - address % page_size);
    while (length < to.size() && physical(address + length) == *start + length)
      length += std::min<std::size_t>(to.size() - length, page_size);
    if (!read_(*start, to.first(length)))
      return false;
    address += length;
    to = to.subspan(length);
  }
  return true;
}

std::optional<std::string> KernelMemory::text(std::uint64_t address, std::size_t limit) const {
  std::string text;
  while (text.size() < limit) {
    const std::uint64_t at = address + text.size();
    std::array<std::uint8_t, 256> chunk{};
    const std::size_t length = std::min<std::size_t>(
        {chunk.size(), limit - text.size(), static_cast<std::size_t>(page_size - at % page_size)});
    if (!read(at, std::span(chunk).first(length)))
      return text.empty() ? std::nullopt : std::optional(text);
    const auto end = std::find(chunk.begin(), chunk.begin() + static_cast<long>(length), 0);
    text.append(chunk.begin(), end);
    if (end != chunk.begin() + static_cast<long>(length))
      break;
  }
  return text;
}

} // namespace harness
