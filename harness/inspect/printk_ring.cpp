#include "harness/inspect/printk_ring.hpp"

#include <algorithm>
#include <utility>

namespace harness {

namespace {

using Bytes = std::vector<std::uint8_t>;

// printk_ringbuffer.h: the state is in the two highest bits of a descriptor's state_var.
constexpr std::uint64_t id_mask = (std::uint64_t(1) << 62) - 1;
constexpr std::uint64_t committed = 1; // and may be continued
constexpr std::uint64_t finalized = 2;

constexpr std::uint64_t no_text = 3;    // both positions of a record without text (NO_LPOS)
constexpr std::size_t block_header = 8; // the id of its descriptor

// Larger is no log: CONFIG_LOG_BUF_SHIFT ends at 25, log_buf_len= at 2 GiB.
constexpr std::uint64_t max_count_bits = 26;
constexpr std::uint64_t max_size_bits = 31;
constexpr std::size_t max_structure = 4096;
constexpr std::uint64_t max_descriptors = 65'536; // that one take() looks at
constexpr std::uint64_t batch = 512;              // records whose descriptors are read at once

bool find(const KernelImage& kernel, const char* type, const char* path, Member& member) {
  const std::optional<Member> found = kernel.member(type, path);
  member = found.value_or(Member{});
  return found.has_value();
}

bool find_size(const KernelImage& kernel, const char* type, std::size_t& size) {
  size = kernel.size_of(type).value_or(0);
  return size != 0 && size <= max_structure;
}

// How far a is behind b, as ids count.
std::uint64_t distance(std::uint64_t a, std::uint64_t b) { return (b - a) & id_mask; }

} // namespace

std::optional<PrintkRingFormat> PrintkRingFormat::of(const KernelImage& kernel) {
  PrintkRingFormat format;
  const std::optional<std::uint64_t> pointer = kernel.symbol("prb");
  if (!pointer)
    return {};
  format.pointer = *pointer;
  const char* const ring = "printk_ringbuffer";
  const char* const desc = "prb_desc";
  const char* const info = "printk_info";
  const bool complete =
      find_size(kernel, ring, format.ring_size) && find_size(kernel, desc, format.desc_size) &&
      find_size(kernel, info, format.info_size) &&
      find(kernel, ring, "desc_ring.count_bits", format.count_bits) &&
      find(kernel, ring, "desc_ring.descs", format.descs) &&
      find(kernel, ring, "desc_ring.infos", format.infos) &&
      find(kernel, ring, "desc_ring.head_id", format.head_id) &&
      find(kernel, ring, "desc_ring.tail_id", format.tail_id) &&
      find(kernel, ring, "text_data_ring.size_bits", format.size_bits) &&
      find(kernel, ring, "text_data_ring.data", format.data) &&
      find(kernel, desc, "state_var", format.state) &&
      find(kernel, desc, "text_blk_lpos.begin", format.begin) &&
      find(kernel, desc, "text_blk_lpos.next", format.next) &&
      find(kernel, info, "seq", format.sequence) &&
      find(kernel, info, "ts_nsec", format.nanoseconds) &&
      find(kernel, info, "text_len", format.text_length) &&
      find(kernel, info, "level", format.level) && find(kernel, info, "flags", format.flags) &&
      find(kernel, info, "caller_id", format.caller);
  return complete ? std::optional(format) : std::nullopt;
}

std::optional<PrintkRing::Ring> PrintkRing::look(const KernelMemory& memory) const {
  Ring ring;
  ring.address = memory.get<std::uint64_t>(format_.pointer).value_or(0);
  Bytes bytes(format_.ring_size);
  if (ring.address == 0 || !memory.read(ring.address, bytes))
    return {};
  const std::uint64_t count_bits = number_in(bytes, format_.count_bits);
  const std::uint64_t size_bits = number_in(bytes, format_.size_bits);
  if (count_bits == 0 || count_bits > max_count_bits || size_bits < 4 || size_bits > max_size_bits)
    return {};
  ring.count = std::uint64_t(1) << count_bits;
  ring.data_size = std::uint64_t(1) << size_bits;
  ring.descs = number_in(bytes, format_.descs);
  ring.infos = number_in(bytes, format_.infos);
  ring.data = number_in(bytes, format_.data);
  ring.head_id = number_in(bytes, format_.head_id) & id_mask;
  ring.tail_id = number_in(bytes, format_.tail_id) & id_mask;
  return ring;
}

// Moves to the oldest record where the next one is gone, or the ring is another. How many
// descriptors there are from the next one on.
std::uint64_t PrintkRing::catch_up(const Ring& ring) {
  const std::uint64_t first = distance(ring.tail_id, ring.head_id) < ring.count
                                  ? ring.tail_id
                                  : (ring.head_id - ring.count + 1) & id_mask;
  const std::uint64_t used = distance(first, ring.head_id) + 1;
  if (ring_ != ring.address || distance(first, next_id_) > used)
    next_id_ = first;
  ring_ = ring.address;
  return used - distance(first, next_id_);
}

PrintkRing::Found PrintkRing::judge(std::uint64_t state, std::uint64_t id, bool unfinished) {
  if ((state & id_mask) !=
      id) // another's: not yet this one's, or overwritten: then tail_id will say so
    return unfinished ? Found::nothing : Found::not_yet;
  switch (state >> 62) {
  case finalized:
    return Found::record;
  case committed:
    return unfinished ? Found::record : Found::not_yet;
  case 0: // reserved: being written
    return unfinished ? Found::nothing : Found::not_yet;
  default: // reusable: its text is gone
    return Found::nothing;
  }
}

// A block of text is an id and the text, at a position that counts on over the ring's end; a block
// that would cross the end begins at the ring's start instead. Empty for a record without text;
// nothing where the record has lost it.
std::optional<std::string> PrintkRing::text_of(const KernelMemory& memory, const Ring& ring,
                                               std::span<const std::uint8_t> desc, std::uint64_t id,
                                               std::size_t length) const {
  const std::uint64_t begin = number_in(desc, format_.begin);
  const std::uint64_t next = number_in(desc, format_.next);
  if ((begin & 1) != 0 && (next & 1) != 0)
    return begin == no_text && next == no_text ? std::optional(std::string()) : std::nullopt;
  const std::uint64_t turns = ~std::uint64_t(0) / ring.data_size; // how far they are counted
  const std::uint64_t turn = ((next - 1) / ring.data_size - begin / ring.data_size) & turns;
  const std::uint64_t start = turn == 0 ? begin % ring.data_size : 0;
  const std::uint64_t size = turn == 0 ? next - begin : next % ring.data_size;
  if (turn > 1 || size < block_header || size > ring.data_size - start)
    return {};
  length = std::min<std::size_t>({length, size - block_header, max_text});
  std::string text(block_header + length, '\0');
  if (!memory.read(ring.data + start, {reinterpret_cast<std::uint8_t*>(text.data()), text.size()}))
    return {};
  const std::span head(reinterpret_cast<const std::uint8_t*>(text.data()), block_header);
  if ((number_in(head, Member{0, block_header}) & id_mask) != id)
    return {};
  return text.substr(block_header);
}

// Of count descriptors that lie behind each other; false where it had to stop before their end.
bool PrintkRing::take_batch(const KernelMemory& memory, const Ring& ring, std::uint64_t count,
                            bool unfinished, std::vector<LogRecord>& records) {
  const std::uint64_t first = next_id_;
  const std::uint64_t index = first % ring.count;
  Bytes descs(count * format_.desc_size);
  Bytes infos(count * format_.info_size);
  if (!memory.read(ring.descs + index * format_.desc_size, descs) ||
      !memory.read(ring.infos + index * format_.info_size, infos))
    return false;
  const auto desc_of = [this](const Bytes& all, std::uint64_t i) {
    return std::span(all).subspan(i * format_.desc_size, format_.desc_size);
  };
  std::vector<std::pair<std::uint64_t, LogRecord>> found; // with their descriptors
  Found state = Found::nothing;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t id = (first + i) & id_mask;
    state = judge(number_in(desc_of(descs, i), format_.state), id, unfinished);
    if (state == Found::not_yet)
      break;
    next_id_ = (id + 1) & id_mask;
    if (state == Found::nothing)
      continue;
    const std::span info = std::span(infos).subspan(i * format_.info_size, format_.info_size);
    const auto number = [&info](const Member& member) { return number_in(info, member); };
    std::optional<std::string> text =
        text_of(memory, ring, desc_of(descs, i), id, number(format_.text_length));
    if (text)
      found.emplace_back(i,
                         LogRecord{number(format_.sequence), number(format_.nanoseconds),
                                   static_cast<std::uint32_t>(number(format_.caller)),
                                   static_cast<unsigned>(number(format_.level)),
                                   static_cast<unsigned>(number(format_.flags)), std::move(*text)});
  }
  // A record is whole if its descriptor is the same after its text was copied.
  Bytes after(descs.size());
  if (!memory.read(ring.descs + index * format_.desc_size, after))
    return false;
  for (auto& [i, record] : found)
    if (std::ranges::equal(desc_of(descs, i), desc_of(after, i)))
      records.push_back(std::move(record));
  return state != Found::not_yet;
}

bool PrintkRing::take(const KernelMemory& memory, bool unfinished,
                      std::vector<LogRecord>& records) {
  const std::optional<Ring> ring = look(memory);
  if (!ring)
    return false;
  std::uint64_t left = std::min<std::uint64_t>(catch_up(*ring), max_descriptors);
  while (left != 0 && records.size() < max_records) {
    const std::uint64_t count = std::min({left, batch, ring->count - next_id_ % ring->count});
    if (!take_batch(memory, *ring, count, unfinished, records))
      break;
    left -= count;
  }
  return true;
}

} // namespace harness
