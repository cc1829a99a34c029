#include "harness/inspect/printk_log.hpp"

#include <algorithm>
#include <array>

namespace harness {

namespace {

constexpr std::uint32_t max_size = 1u << 31; // bytes: log_buf_len= ends there
constexpr std::size_t max_header = 64;
constexpr int tries = 3;

bool find(const KernelImage& kernel, const char* path, Member& member) {
  const std::optional<Member> found = kernel.member("printk_log", path);
  member = found.value_or(Member{});
  return found.has_value();
}

bool find_variable(const KernelImage& kernel, const char* name, std::uint64_t& address) {
  const std::optional<std::uint64_t> found = kernel.symbol(name);
  address = found.value_or(0);
  return found.has_value();
}

} // namespace

std::optional<PrintkLogFormat> PrintkLogFormat::of(const KernelImage& kernel) {
  PrintkLogFormat format;
  format.header_size = kernel.size_of("printk_log").value_or(0);
  format.caller = kernel.member("printk_log", "caller_id");
  const bool complete = format.header_size != 0 && format.header_size <= max_header &&
                        find_variable(kernel, "log_buf", format.log_buf) &&
                        find_variable(kernel, "log_buf_len", format.log_buf_len) &&
                        find_variable(kernel, "log_first_seq", format.first_sequence) &&
                        find_variable(kernel, "log_first_idx", format.first_index) &&
                        find_variable(kernel, "log_next_seq", format.next_sequence) &&
                        find_variable(kernel, "log_next_idx", format.next_index) &&
                        find(kernel, "ts_nsec", format.nanoseconds) &&
                        find(kernel, "len", format.length) &&
                        find(kernel, "text_len", format.text_length) &&
                        find(kernel, "level", format.level) && find(kernel, "flags", format.flags);
  return complete ? std::optional(format) : std::nullopt;
}

// The two variables change one after the other: they belong together if the first is the same
// after the second was read, and the second as well.
std::optional<PrintkLog::Place> PrintkLog::oldest(const KernelMemory& memory) const {
  for (int i = 0; i < tries; ++i) {
    const auto index = memory.get<std::uint32_t>(format_.first_index);
    const auto sequence = memory.get<std::uint64_t>(format_.first_sequence);
    if (!index || !sequence)
      return {};
    if (memory.get<std::uint32_t>(format_.first_index) == index &&
        memory.get<std::uint64_t>(format_.first_sequence) == sequence)
      return Place{*sequence, *index};
  }
  return {};
}

std::optional<PrintkLog::Buffer> PrintkLog::buffer(const KernelMemory& memory) const {
  const auto address = memory.get<std::uint64_t>(format_.log_buf);
  const auto size = memory.get<std::uint32_t>(format_.log_buf_len);
  if (!address || !size || *address == 0 || *size < format_.header_size || *size > max_size)
    return {};
  return Buffer{*address, *size};
}

// The record at place, which moves to the one after it; nothing where there is none.
std::optional<LogRecord> PrintkLog::record_at(const KernelMemory& memory, const Buffer& buffer,
                                              Place& place) const {
  std::array<std::uint8_t, max_header> bytes{};
  const std::span header = std::span(bytes).first(format_.header_size);
  const auto fits = [&buffer](std::uint64_t index, std::size_t size) {
    return index <= buffer.size && size <= buffer.size - index;
  };
  if (!fits(place.index, header.size()) || !memory.read(buffer.address + place.index, header))
    return {};
  if (number_in(header, format_.length) == 0) {
    place.index = 0;
    if (!memory.read(buffer.address, header))
      return {};
  }
  const auto length = static_cast<std::uint32_t>(number_in(header, format_.length));
  if (length < header.size() || !fits(place.index, length))
    return {};
  const std::size_t text_length = std::min<std::size_t>(
      {number_in(header, format_.text_length), length - header.size(), max_text});
  LogRecord record{place.sequence,
                   number_in(header, format_.nanoseconds),
                   0,
                   static_cast<unsigned>(number_in(header, format_.level)),
                   static_cast<unsigned>(number_in(header, format_.flags)),
                   std::string(text_length, '\0')};
  if (format_.caller)
    record.caller = static_cast<std::uint32_t>(number_in(header, *format_.caller));
  if (!memory.read(buffer.address + place.index + header.size(),
                   {reinterpret_cast<std::uint8_t*>(record.text.data()), record.text.size()}))
    return {};
  ++place.sequence;
  place.index += length;
  return record;
}

bool PrintkLog::take(const KernelMemory& memory, bool, std::vector<LogRecord>& records) {
  for (int i = 0; i < tries; ++i) {
    const auto end = memory.get<std::uint64_t>(format_.next_sequence);
    if (!end)
      return false;
    if (*end == next_.sequence)
      return true;
    const std::optional<Place> first = oldest(memory);
    const std::optional<Buffer> where = buffer(memory);
    if (!first || !where)
      return false;
    if (next_.sequence < first->sequence || next_.sequence > *end)
      next_ = *first;
    std::vector<LogRecord> found;
    Place place = next_;
    while (place.sequence != *end && found.size() < max_records) {
      std::optional<LogRecord> record = record_at(memory, *where, place);
      if (!record)
        break;
      found.push_back(std::move(*record));
    }
    // The way to a record leads over those before it: none of them may have been overwritten.
    const std::optional<Place> after = oldest(memory);
    if (!after || after->sequence > next_.sequence)
      continue;
    const bool broken = place.sequence != *end && found.size() < max_records;
    if (broken)
      place = {*end, memory.get<std::uint32_t>(format_.next_index).value_or(0)};
    next_ = place;
    records.insert(records.end(), found.begin(), found.end());
    return true;
  }
  return true; // overwritten faster than it can be read: the next call begins with the oldest
}

} // namespace harness
