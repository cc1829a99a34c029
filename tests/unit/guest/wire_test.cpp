#include "guest/wire.hpp"

#include <catch2/catch.hpp>
#include <random>

using namespace guest;

namespace {

Frame only_frame(const std::string& bytes) {
  Decoder decoder(max_payload);
  decoder.feed(bytes);
  const std::optional<Frame> frame = decoder.next();
  REQUIRE(frame);
  CHECK_FALSE(decoder.next());
  CHECK(decoder.skipped() == 0);
  return *frame;
}

std::vector<Frame> all_frames(Decoder& decoder) {
  std::vector<Frame> frames;
  while (std::optional<Frame> frame = decoder.next())
    frames.push_back(*std::move(frame));
  return frames;
}

std::string note(const std::string& text) { return encode(Frame{FrameType::note, text}); }

// Every payload that is shorter or longer than the right one must be refused.
template<class Decode> void check_strict(const std::string& payload, Decode decode) {
  for (std::size_t size = 0; size < payload.size(); ++size)
    CHECK_FALSE(decode(std::string_view(payload).substr(0, size)));
  CHECK_FALSE(decode(payload + '\0'));
}

} // namespace

TEST_CASE("a frame has the documented layout and the IEEE checksum") {
  // CRC-32 of 07 00 00 00 03 00 00 00 61 62 63, from zlib.
  const std::string expected("KRPO\x07\x00\x00\x00\x03\x00\x00\x00\x22\x26\x31\xb9"
                             "abc",
                             19);
  CHECK(note("abc") == expected);
}

TEST_CASE("every message comes back as it was sent") {
  const Frame hello = only_frame(encode(Hello{wire_version, 4, 1234, "6.1.0-test"}));
  CHECK(hello.type == FrameType::hello);
  CHECK(decode_hello(hello.payload)->release == "6.1.0-test");
  CHECK(decode_hello(hello.payload)->cpus == 4);
  CHECK(decode_hello(hello.payload)->uptime_ms == 1234);
  check_strict(hello.payload, decode_hello);

  const Frame missing = only_frame(encode(Missing{"/dev/vhost-net", "CONFIG_VHOST_NET"}));
  CHECK(decode_missing(missing.payload)->what == "/dev/vhost-net");
  CHECK(decode_missing(missing.payload)->config == "CONFIG_VHOST_NET");
  check_strict(missing.payload, decode_missing);

  const Frame begin = only_frame(encode(Begin{7, 2}));
  CHECK(decode_begin(begin.payload)->index == 7);
  CHECK(decode_begin(begin.payload)->thread == 2);
  check_strict(begin.payload, decode_begin);

  const Frame steps =
      only_frame(encode(std::vector<Step>{{2, 0, 7, 0, true}, {3, 1, -1, 14, false}}));
  REQUIRE(decode_steps(steps.payload)->size() == 2);
  CHECK(decode_steps(steps.payload)->at(0).result == 7);
  CHECK(decode_steps(steps.payload)->at(1).thread == 1);
  CHECK(decode_steps(steps.payload)->at(1).result == -1);
  CHECK(decode_steps(steps.payload)->at(1).error == 14);
  CHECK_FALSE(decode_steps(steps.payload)->at(1).expected);
  check_strict(steps.payload, decode_steps);

  const Frame done = only_frame(encode(Done{true, 5, "text"}));
  CHECK(decode_done(done.payload)->finished);
  CHECK(decode_done(done.payload)->unexpected == 5);
  CHECK(decode_done(done.payload)->text == "text");
  check_strict(done.payload, decode_done);

  const Frame setup = only_frame(encode(Setup{{"tun", "vhost_net"}, {"a.b=1"}, 9000, true}));
  CHECK(decode_setup(setup.payload)->modules == std::vector<std::string>{"tun", "vhost_net"});
  CHECK(decode_setup(setup.payload)->sysctls == std::vector<std::string>{"a.b=1"});
  CHECK(decode_setup(setup.payload)->deadline_ms == 9000);
  CHECK(decode_setup(setup.payload)->hold);
  check_strict(setup.payload, decode_setup);

  const Frame wake = only_frame(encode(Wake{"random", 1'700'000'000'000'000'000, true}));
  CHECK(decode_wake(wake.payload)->seed == "random");
  CHECK(decode_wake(wake.payload)->realtime_ns == 1'700'000'000'000'000'000);
  CHECK(decode_wake(wake.payload)->quiet);
  check_strict(wake.payload, decode_wake);

  const Frame awake = only_frame(encode_awake(5));
  CHECK(awake.type == FrameType::awake);
  CHECK(decode_u64(awake.payload) == 5u);

  const Frame beat = only_frame(encode_heartbeat(0x0102030405060708));
  CHECK(beat.type == FrameType::heartbeat);
  CHECK(decode_u64(beat.payload) == 0x0102030405060708u);
  check_strict(beat.payload, decode_u64);
}

TEST_CASE("a boolean that is neither 0 nor 1 is refused") {
  std::string payload = only_frame(encode(Done{true, 0, ""})).payload;
  payload[0] = 2;
  CHECK_FALSE(decode_done(payload));
}

TEST_CASE("a count that lies is refused before memory is taken") {
  CHECK_FALSE(decode_setup(std::string(4, '\xff') + std::string(64, '\0')));
  CHECK_FALSE(decode_missing(std::string(4, '\xff')));
}

TEST_CASE("a payload over the limit is not sent and not taken") {
  CHECK_THROWS_AS(encode(Frame{FrameType::program, std::string(max_payload + 1, 'x')}),
                  std::length_error);
  CHECK(
      only_frame(encode(Frame{FrameType::program, std::string(max_payload, 'x')})).payload.size() ==
      max_payload);
  Decoder decoder;
  decoder.feed(encode(Frame{FrameType::note, std::string(max_report + 1, 'x')}) + note("after"));
  const std::vector<Frame> frames = all_frames(decoder);
  REQUIRE(frames.size() == 1);
  CHECK(frames[0].payload == "after");
}

TEST_CASE("frames among other bytes are found, the rest is counted") {
  Decoder decoder;
  decoder.feed("boot noise KRP" + note("one") + "KRPOKRPO" + note("two") + "tail KR");
  const std::vector<Frame> frames = all_frames(decoder);
  REQUIRE(frames.size() == 2);
  CHECK(frames[0].payload == "one");
  CHECK(frames[1].payload == "two");
  CHECK(decoder.skipped() == 14 + 8 + 5);
  // The end may be the start of a magic.
  decoder.feed(note("three").substr(2));
  CHECK(all_frames(decoder).size() == 1);
}

TEST_CASE("a frame with one bit wrong is not taken and does not hide the next") {
  const std::string good = note("payload");
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    Decoder decoder;
    decoder.feed(bad + note("next"));
    const std::vector<Frame> frames = all_frames(decoder);
    REQUIRE(frames.size() == 1);
    CHECK(frames[0].payload == "next");
    CHECK(decoder.skipped() == good.size());
  }
}

TEST_CASE("a header whose length lies does not make the decoder deaf") {
  std::string liar = note("x");
  liar[9] = '\x20'; // 8 KiB that never come
  Decoder decoder;
  decoder.feed(liar);
  CHECK_FALSE(decoder.next());
  decoder.feed(note("heard"));
  const std::optional<Frame> frame = decoder.next();
  REQUIRE(frame);
  CHECK(frame->payload == "heard");
}

TEST_CASE("an unknown type is no frame") {
  Decoder decoder;
  decoder.feed(encode(Frame{static_cast<FrameType>(40), "x"}) +
               encode(Frame{static_cast<FrameType>(0), "x"}) + note("y"));
  const std::vector<Frame> frames = all_frames(decoder);
  REQUIRE(frames.size() == 1);
  CHECK(frames[0].payload == "y");
}

TEST_CASE("pieces of any size give the same frames as the whole") {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    std::string stream;
    std::vector<std::string> sent;
    for (int i = 0; i < 20; ++i) {
      if (random() % 3 == 0)
        stream += std::string(random() % 40, static_cast<char>(random()));
      sent.push_back("note " + std::to_string(random() % (1u << (random() % 20))));
      stream += note(sent.back());
    }
    Decoder decoder;
    std::vector<std::string> got;
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t size = 1 + random() % 30;
      decoder.feed(std::string_view(stream).substr(at, size));
      at += size;
      for (const Frame& frame : all_frames(decoder))
        got.push_back(frame.payload);
    }
    REQUIRE(got == sent);
  }
}

TEST_CASE("random bytes never give a frame and never pile up") {
  std::mt19937 random(2);
  Decoder decoder;
  std::uint64_t fed = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string bytes(random() % 200, '\0');
    for (char& c : bytes)
      c = static_cast<char>(random());
    // Half of the pieces start like a frame.
    if (random() % 2 == 0)
      bytes = "KRPO" + std::string("\x07\0\0\0", 4) + bytes;
    fed += bytes.size();
    decoder.feed(bytes);
    REQUIRE(all_frames(decoder).empty());
    REQUIRE(fed - decoder.skipped() <= max_report + 16);
  }
  for (std::size_t size = 0; size < 100; ++size) {
    std::string bytes(size, '\0');
    for (char& c : bytes)
      c = static_cast<char>(random());
    static_cast<void>(decode_hello(bytes));
    static_cast<void>(decode_missing(bytes));
    static_cast<void>(decode_steps(bytes));
    static_cast<void>(decode_done(bytes));
    static_cast<void>(decode_setup(bytes));
  }
}
