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
          type <= static_cast<std::uint16_t>(FrameType::ready)) ||
         (type >= static_cast<std::uint16_t>(FrameType::setup) &&
          type <= static_cast<std::uint16_t>(FrameType::power_off));
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

std::string frame_of(FrameType type, Writer& payload) { return encode({type, payload.take()}); }

void put_texts(Writer& out, const std::vector<std::string>& texts) {
  out.put(static_cast<std::uint32_t>(texts.size()));
  for (const std::string& text : texts)
    out.put_text(text);
}

void get_texts(Reader& in, std::vector<std::string>& texts) {
  texts.resize(in.get_count(4));
  for (std::string& text : texts)
    in.get_text(text);
}

template<class T> std::optional<T> whole(const Reader& in, T value) {
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

std::string encode(const Hello& hello) {
  Writer out;
  out.put(hello.version);
  out.put(hello.cpus);
  out.put(hello.uptime_ms);
  out.put_text(hello.release);
  return frame_of(FrameType::hello, out);
}

std::string encode(const Missing& missing) {
  Writer out;
  out.put_text(missing.what);
  out.put_text(missing.config);
  return frame_of(FrameType::missing, out);
}

std::string encode(const Begin& begin) {
  Writer out;
  out.put(begin.index);
  out.put(begin.thread);
  return frame_of(FrameType::begin, out);
}

std::string encode(const Step& step) {
  Writer out;
  out.put(step.index);
  out.put(step.thread);
  out.put(step.result);
  out.put(step.error);
  out.put_bool(step.expected);
  out.put(step.duration_us);
  return frame_of(FrameType::step, out);
}

std::string encode(const Done& done) {
  Writer out;
  out.put_bool(done.finished);
  out.put(done.unexpected);
  out.put_text(done.text);
  return frame_of(FrameType::done, out);
}

std::string encode(const Setup& setup) {
  Writer out;
  put_texts(out, setup.modules);
  put_texts(out, setup.sysctls);
  out.put(setup.deadline_ms);
  return frame_of(FrameType::setup, out);
}

std::string encode_heartbeat(std::uint64_t uptime_ms) {
  Writer out;
  out.put(uptime_ms);
  return frame_of(FrameType::heartbeat, out);
}

std::optional<Hello> decode_hello(std::string_view payload) {
  Reader in(payload);
  Hello hello;
  in.get(hello.version);
  in.get(hello.cpus);
  in.get(hello.uptime_ms);
  in.get_text(hello.release);
  return whole(in, std::move(hello));
}

std::optional<Missing> decode_missing(std::string_view payload) {
  Reader in(payload);
  Missing missing;
  in.get_text(missing.what);
  in.get_text(missing.config);
  return whole(in, std::move(missing));
}

std::optional<Begin> decode_begin(std::string_view payload) {
  Reader in(payload);
  Begin begin;
  in.get(begin.index);
  in.get(begin.thread);
  return whole(in, begin);
}

std::optional<Step> decode_step(std::string_view payload) {
  Reader in(payload);
  Step step;
  in.get(step.index);
  in.get(step.thread);
  in.get(step.result);
  in.get(step.error);
  in.get_bool(step.expected);
  in.get(step.duration_us);
  return whole(in, step);
}

std::optional<Done> decode_done(std::string_view payload) {
  Reader in(payload);
  Done done;
  in.get_bool(done.finished);
  in.get(done.unexpected);
  in.get_text(done.text);
  return whole(in, std::move(done));
}

std::optional<Setup> decode_setup(std::string_view payload) {
  Reader in(payload);
  Setup setup;
  get_texts(in, setup.modules);
  get_texts(in, setup.sysctls);
  in.get(setup.deadline_ms);
  return whole(in, std::move(setup));
}

std::optional<std::uint64_t> decode_u64(std::string_view payload) {
  Reader in(payload);
  std::uint64_t value = 0;
  in.get(value);
  return whole(in, value);
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
