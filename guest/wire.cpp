#include "guest/wire.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "guest/bytes.hpp"

namespace guest {

namespace {

constexpr std::string_view magic = "KRPO";
constexpr std::size_t header_size = 16;

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit)
      value = (value & 1) != 0 ? 0xedb88320u ^ (value >> 1) : value >> 1;
    table[i] = value;
  }
  return table;
}

constexpr std::array<std::uint32_t, 256> crc_table = make_crc_table();

std::uint32_t crc32(std::uint32_t state, std::string_view bytes) {
  for (const char c : bytes)
    state = crc_table[(state ^ static_cast<unsigned char>(c)) & 0xff] ^ (state >> 8);
  return state;
}

// Over the eight bytes between magic and checksum, and the payload.
std::uint32_t checksum(std::string_view type_and_length, std::string_view payload) {
  return ~crc32(crc32(~0u, type_and_length), payload);
}

struct Header {
  std::uint16_t type = 0;
  std::uint16_t zero = 0;
  std::uint32_t length = 0;
  std::uint32_t crc = 0;
};

Header read_header(std::string_view bytes) {
  Header header;
  Reader in(bytes.substr(magic.size()));
  in.get(header.type);
  in.get(header.zero);
  in.get(header.length);
  in.get(header.crc);
  return header;
}

bool known(std::uint16_t type) {
  return (type >= static_cast<std::uint16_t>(FrameType::hello) &&
          type <= static_cast<std::uint16_t>(FrameType::awake)) ||
         (type >= static_cast<std::uint16_t>(FrameType::setup) &&
          type <= static_cast<std::uint16_t>(FrameType::wake));
}

enum class Candidate { frame, incomplete, invalid };

// What starts at the magic at the front of bytes.
Candidate classify(std::string_view bytes, std::size_t limit) {
  if (bytes.size() < header_size)
    return Candidate::incomplete;
  const Header header = read_header(bytes);
  if (header.zero != 0 || header.length > limit || !known(header.type))
    return Candidate::invalid;
  if (bytes.size() - header_size < header.length)
    return Candidate::incomplete;
  const std::uint32_t crc =
      checksum(bytes.substr(magic.size(), 8), bytes.substr(header_size, header.length));
  return crc == header.crc ? Candidate::frame : Candidate::invalid;
}

// Length of the longest end of bytes that may be the start of a magic.
std::size_t partial_magic(std::string_view bytes) {
  for (std::size_t size = std::min(bytes.size(), magic.size() - 1); size > 0; --size)
    if (bytes.substr(bytes.size() - size) == magic.substr(0, size))
      return size;
  return 0;
}

// The fields of each value, in wire order: the one list that is written and read by.
template<class Each> void each_field(Hello& hello, Each each) {
  each(hello.version);
  each(hello.cpus);
  each(hello.uptime_ms);
  each(hello.release);
}

template<class Each> void each_field(Missing& missing, Each each) {
  each(missing.what);
  each(missing.config);
}

template<class Each> void each_field(Begin& begin, Each each) {
  each(begin.index);
  each(begin.thread);
}

template<class Each> void each_field(Step& step, Each each) {
  each(step.index);
  each(step.thread);
  each(step.result);
  each(step.error);
  each(step.expected);
}

template<class Each> void each_field(Done& done, Each each) {
  each(done.finished);
  each(done.unexpected);
  each(done.text);
}

template<class Each> void each_field(Setup& setup, Each each) {
  each(setup.modules);
  each(setup.sysctls);
  each(setup.deadline_ms);
  each(setup.hold);
}

template<class Each> void each_field(Wake& wake, Each each) {
  each(wake.seed);
  each(wake.realtime_ns);
  each(wake.quiet);
}

template<class Each> void each_field(std::vector<Step>& steps, Each each) { each(steps); }

template<class Each> void each_field(std::uint64_t& value, Each each) { each(value); }

template<class T> void put(Writer& out, const T& value) { out.put(value); }
void put(Writer& out, bool value) { out.put_bool(value); }
void put(Writer& out, const std::string& value) { out.put_text(value); }
void put(Writer& out, const std::vector<std::string>& values) {
  out.put(static_cast<std::uint32_t>(values.size()));
  for (const std::string& value : values)
    out.put_text(value);
}

void put(Writer& out, const std::vector<Step>& steps) {
  out.put(static_cast<std::uint32_t>(steps.size()));
  for (Step step : steps)
    each_field(step, [&out](const auto& field) { put(out, field); });
}

template<class T> void get(Reader& in, T& value) { in.get(value); }
void get(Reader& in, bool& value) { in.get_bool(value); }
void get(Reader& in, std::string& value) { in.get_text(value); }
void get(Reader& in, std::vector<std::string>& values) {
  values.resize(in.get_count(4));
  for (std::string& value : values)
    in.get_text(value);
}

void get(Reader& in, std::vector<Step>& steps) {
  constexpr std::size_t step_size = 21;
  steps.resize(std::min<std::size_t>(in.get_count(step_size), steps_in_frame));
  for (Step& step : steps)
    each_field(step, [&in](auto& field) { get(in, field); });
}

template<class T> std::string frame_with(FrameType type, T value) {
  Writer out;
  each_field(value, [&out](const auto& field) { put(out, field); });
  return encode({type, out.take()});
}

// The whole payload is one T, or nothing.
template<class T> std::optional<T> decode(std::string_view payload) {
  Reader in(payload);
  T value{};
  each_field(value, [&in](auto& field) { get(in, field); });
  if (!in.at_end())
    return std::nullopt;
  return value;
}

} // namespace

std::string encode(const Frame& frame) {
  if (frame.payload.size() > max_payload)
    throw std::length_error("frame: payload of " + std::to_string(frame.payload.size()) +
                            " bytes; at most " + std::to_string(max_payload) + " fit");
  Writer head;
  head.put(static_cast<std::uint16_t>(frame.type));
  head.put(std::uint16_t{0});
  head.put(static_cast<std::uint32_t>(frame.payload.size()));
  const std::string type_and_length = head.take();
  Writer crc;
  crc.put(checksum(type_and_length, frame.payload));
  return std::string(magic) + type_and_length + crc.take() + frame.payload;
}

std::string encode(const Hello& hello) { return frame_with(FrameType::hello, hello); }
std::string encode(const Missing& missing) { return frame_with(FrameType::missing, missing); }
std::string encode(const Begin& begin) { return frame_with(FrameType::begin, begin); }
std::string encode(const std::vector<Step>& steps) { return frame_with(FrameType::steps, steps); }
std::string encode(const Done& done) { return frame_with(FrameType::done, done); }
std::string encode(const Setup& setup) { return frame_with(FrameType::setup, setup); }
std::string encode(const Wake& wake) { return frame_with(FrameType::wake, wake); }
std::string encode_heartbeat(std::uint64_t uptime_ms) {
  return frame_with(FrameType::heartbeat, uptime_ms);
}

std::string encode_awake(std::uint64_t realtime_ns) {
  return frame_with(FrameType::awake, realtime_ns);
}

std::optional<Hello> decode_hello(std::string_view payload) { return decode<Hello>(payload); }
std::optional<Missing> decode_missing(std::string_view payload) { return decode<Missing>(payload); }
std::optional<Begin> decode_begin(std::string_view payload) { return decode<Begin>(payload); }
std::optional<std::vector<Step>> decode_steps(std::string_view payload) {
  return decode<std::vector<Step>>(payload);
}
std::optional<Done> decode_done(std::string_view payload) { return decode<Done>(payload); }
std::optional<Setup> decode_setup(std::string_view payload) { return decode<Setup>(payload); }
std::optional<Wake> decode_wake(std::string_view payload) { return decode<Wake>(payload); }
std::optional<std::uint64_t> decode_u64(std::string_view payload) {
  return decode<std::uint64_t>(payload);
}

void Decoder::feed(std::string_view bytes) { buffer_ += bytes; }

std::optional<Frame> Decoder::next() {
  const std::string_view bytes = buffer_;
  std::size_t keep = std::string_view::npos; // the first magic that may become a frame
  for (std::size_t at = bytes.find(magic); at != std::string_view::npos;
       at = bytes.find(magic, at + 1)) {
    const Candidate candidate = classify(bytes.substr(at), limit_);
    if (candidate == Candidate::incomplete)
      keep = std::min(keep, at);
    if (candidate != Candidate::frame)
      continue;
    const Header header = read_header(bytes.substr(at));
    Frame frame{static_cast<FrameType>(header.type),
                std::string(bytes.substr(at + header_size, header.length))};
    skipped_ += at;
    buffer_.erase(0, at + header_size + header.length);
    return frame;
  }
  if (keep == std::string_view::npos)
    keep = bytes.size() - partial_magic(bytes);
  skipped_ += keep;
  buffer_.erase(0, keep);
  return std::nullopt;
}

} // namespace guest
