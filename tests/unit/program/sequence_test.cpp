#include "harness/program/program.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "guest/program.hpp"
#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"

namespace {

namespace fs = std::filesystem;

const std::string open_vhost = "[[step]]\ndo = 'open'\npath = '/dev/vhost-net'\nas = 'vhost'\n";

harness::Program load(const std::string& text) {
  const base::TempDir dir(fs::temp_directory_path(), "krepro-seq-");
  base::write_file(dir.path() / "t.seq.toml", text);
  return harness::load_sequence(dir.path() / "t.seq.toml");
}

guest::Program decoded(const std::string& text) {
  const std::optional<guest::Program> program = guest::decode_program(load(text).encoded);
  REQUIRE(program);
  return *program;
}

// The error's text from the file's name on; "" where there is none.
std::string error_of(const std::string& text) {
  try {
    load(text);
  } catch (const base::UsageError& error) {
    const std::string message = error.what();
    return message.substr(message.find("t.seq.toml:"));
  }
  return "";
}

const guest::Call& first_call(const guest::Program& program, std::size_t step) {
  return std::get<guest::Calls>(program.steps.at(step).action).calls.at(0);
}

const guest::Data& data_of(const guest::Program& program, std::size_t step, std::size_t argument) {
  return std::get<guest::Data>(first_call(program, step).arguments.at(argument));
}

std::uint64_t value_of(const guest::Program& program, std::size_t step, std::size_t argument) {
  return std::get<guest::Value>(first_call(program, step).arguments.at(argument)).number;
}

template<class T> T at(const guest::Data& data, std::size_t offset) {
  T value{};
  REQUIRE(offset + sizeof value <= data.bytes.size());
  std::memcpy(&value, data.bytes.data() + offset, sizeof value);
  return value;
}

std::string ioctl(const std::string& rest) {
  return open_vhost + "[[step]]\ndo = 'ioctl'\nfd = 'vhost'\n" + rest;
}

} // namespace

TEST_CASE("a version 1 message has the layout of struct vhost_msg") {
  const guest::Program program =
      decoded(open_vhost + "[[step]]\ndo = 'mmap'\nas = 'm'\nsize = 0x1000\n"
                           "[[step]]\ndo = 'iotlb'\nfd = 'vhost'\nmessage = 'update'\n"
                           "iova = 0x100000\nsize = 0x10000\nuaddr = 'buffer:m+0x10'\nperm = 'rw'");
  const guest::Data& message = data_of(program, 2, 1);
  CHECK(first_call(program, 2).number == SYS_write);
  CHECK(message.bytes.size() == 72);
  CHECK(value_of(program, 2, 2) == 72);
  CHECK(at<std::uint32_t>(message, 0) == 1);
  CHECK(at<std::uint64_t>(message, 8) == 0x100000);
  CHECK(at<std::uint64_t>(message, 16) == 0x10000);
  CHECK(at<std::uint8_t>(message, 32) == 3);
  CHECK(at<std::uint8_t>(message, 33) == 2);
  REQUIRE(message.fixups.size() == 1);
  CHECK(message.fixups[0].kind == guest::Fixup::Kind::address);
  CHECK(message.fixups[0].offset == 24);
  CHECK(message.fixups[0].addend == 0x10);
}

TEST_CASE("a version 2 message has its type and its address space in front") {
  const guest::Program program =
      decoded(open_vhost + "[[step]]\ndo = 'iotlb'\nfd = 'vhost'\nmessage = 'invalidate'\n"
                           "version = 2\nasid = 7\niova = 1\nsize = 2\n");
  const guest::Data& message = data_of(program, 1, 1);
  CHECK(at<std::uint32_t>(message, 0) == 2);
  CHECK(at<std::uint32_t>(message, 4) == 7);
  CHECK(at<std::uint64_t>(message, 8) == 1);
  CHECK(at<std::uint8_t>(message, 33) == 3);
}

TEST_CASE("every message word has the number of linux/vhost_types.h") {
  const auto words = {std::make_pair("miss", 1),        std::make_pair("update", 2),
                      std::make_pair("invalidate", 3),  std::make_pair("access-fail", 4),
                      std::make_pair("batch-begin", 5), std::make_pair("batch-end", 6)};
  for (const auto& [word, number] : words) {
    const guest::Program program =
        decoded(open_vhost + "[[step]]\ndo = 'iotlb'\nfd = 'vhost'\nmessage = '" + word + "'\n");
    CHECK(at<std::uint8_t>(data_of(program, 1, 1), 33) == number);
  }
}

TEST_CASE("a message may be cut short") {
  const guest::Program program =
      decoded(open_vhost + "[[step]]\ndo = 'mmap'\nas = 'm'\nsize = 1\n"
                           "[[step]]\ndo = 'iotlb'\nfd = 'vhost'\nmessage = 'update'\n"
                           "uaddr = 'buffer:m'\nlength = 8\n");
  CHECK(value_of(program, 2, 2) == 8);
  CHECK(data_of(program, 2, 1).bytes.size() == 8);
  CHECK(data_of(program, 2, 1).fixups.empty());
}

TEST_CASE("ioctl arguments have the kernel's layout") {
  const guest::Program features =
      decoded(ioctl("request = 'VHOST_SET_FEATURES'\n"
                    "features = ['VIRTIO_F_VERSION_1', 'VIRTIO_F_ACCESS_PLATFORM']\n"));
  CHECK(value_of(features, 1, 1) == 0x4008af00);
  CHECK(at<std::uint64_t>(data_of(features, 1, 2), 0) == (3ull << 32));

  const guest::Program owner = decoded(ioctl("request = 'VHOST_SET_OWNER'\n"));
  CHECK(value_of(owner, 1, 1) == 0xaf01);
  CHECK(value_of(owner, 1, 2) == 0);

  const guest::Program num =
      decoded(ioctl("request = 'VHOST_SET_VRING_NUM'\nindex = 1\nnum = 256\n"));
  CHECK(at<std::uint32_t>(data_of(num, 1, 2), 0) == 1);
  CHECK(at<std::uint32_t>(data_of(num, 1, 2), 4) == 256);

  const guest::Program addr =
      decoded(ioctl("request = 'VHOST_SET_VRING_ADDR'\nindex = 1\nflags = 'VHOST_VRING_F_LOG'\n"
                    "desc = 1\nused = 2\navail = 3\nlog = 4\n"));
  const guest::Data& ring = data_of(addr, 1, 2);
  CHECK(ring.bytes.size() == 40);
  for (std::uint64_t i = 1; i <= 4; ++i)
    CHECK(at<std::uint64_t>(ring, 8 * i) == i);

  const guest::Program backend =
      decoded(ioctl("request = 'VHOST_NET_SET_BACKEND'\nindex = 1\nfile = 'vhost'\n"));
  const guest::Data& file = data_of(backend, 1, 2);
  REQUIRE(file.fixups.size() == 1);
  CHECK(file.fixups[0].offset == 4);
  CHECK(file.fixups[0].kind == guest::Fixup::Kind::descriptor);

  const guest::Program unbind =
      decoded(ioctl("request = 'VHOST_NET_SET_BACKEND'\nindex = 0\nfile = -1\n"));
  CHECK(at<std::int32_t>(data_of(unbind, 1, 2), 4) == -1);
  CHECK(data_of(unbind, 1, 2).fixups.empty());

  const guest::Program memory =
      decoded(ioctl("request = 'VHOST_SET_MEM_TABLE'\n"
                    "regions = [{ guest = 1, size = 2, uaddr = 3 }, { guest = 4, size = 5 }]\n"));
  const guest::Data& table = data_of(memory, 1, 2);
  CHECK(table.bytes.size() == 72);
  CHECK(at<std::uint32_t>(table, 0) == 2);
  CHECK(at<std::uint64_t>(table, 24) == 3);
  CHECK(at<std::uint64_t>(table, 48) == 5);

  const guest::Program raw = decoded(ioctl("request = 'VHOST_SET_OWNER'\nbytes = '01 fF'\n"));
  CHECK(data_of(raw, 1, 2).bytes == "\x01\xff");
  const guest::Program unknown = decoded(ioctl("request = 0x1234\nvalue = '0xffffffffffffffff'\n"));
  CHECK(value_of(unknown, 1, 2) == ~0ull);
}

TEST_CASE("a tap is opened, named and brought up") {
  const guest::Program program = decoded("[[step]]\ndo = 'tap'\nas = 't'\nname = 'x1'\nup = true");
  const auto& calls = std::get<guest::Calls>(program.steps[0].action).calls;
  REQUIRE(calls.size() == 5);
  CHECK(std::get<guest::Data>(calls[0].arguments[1]).bytes == std::string("/dev/net/tun\0", 13));
  const auto& request = std::get<guest::Data>(calls[1].arguments[2]);
  CHECK(request.bytes.substr(0, 3) == std::string("x1\0", 3));
  CHECK(at<std::uint16_t>(request, 16) == (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR));
  REQUIRE(program.requirements.size() == 1);
  CHECK(program.requirements[0].config == "CONFIG_TUN");
}

TEST_CASE("what a kernel must have follows from the steps, once each") {
  const guest::Program program =
      decoded(open_vhost + "[[step]]\ndo = 'close'\nfd = 'vhost'\n" + open_vhost +
              "[[step]]\ndo = 'open'\npath = '/dev/vhost-vsock'\nas = 'v'\n"
              "[[step]]\ndo = 'open'\npath = '/tmp/f'\nflags = 'O_RDWR|O_CREAT'\nas = 'f'\n"
              "[[step]]\ndo = 'socket'\nfamily = 'AF_VSOCK'\ntype = 'SOCK_STREAM'\nas = 's'\n");
  REQUIRE(program.requirements.size() == 3);
  CHECK(program.requirements[0].text == "/dev/vhost-net");
  CHECK(program.requirements[0].config == "CONFIG_VHOST_NET");
  CHECK(program.requirements[1].config == "CONFIG_VHOST_VSOCK");
  CHECK(program.requirements[2].kind == guest::Requirement::Kind::socket);
  CHECK(program.requirements[2].number == AF_VSOCK);
  CHECK(program.requirements[2].config == "CONFIG_VSOCKETS");
  // The second open takes the slot that close made free.
  CHECK(program.descriptors == 4);
  CHECK(first_call(program, 2).slot == first_call(program, 0).slot);
  CHECK(first_call(program, 1).forget == first_call(program, 0).slot);
  CHECK(value_of(program, 4, 2) == (O_RDWR | O_CREAT));
}

TEST_CASE("repeats and threads hold the steps below them") {
  const std::string text = open_vhost +
                           "[[step]]\ndo = 'repeat'\ncount = 3\n"
                           "  [[step.step]]\n  do = 'thread'\n"
                           "    [[step.step.step]]\n    do = 'sleep'\n    time = '5ms'\n"
                           "  [[step.step]]\n  do = 'join'\n"
                           "[[step]]\ndo = 'close'\nfd = 'vhost'\n";
  const guest::Program program = decoded(text);
  REQUIRE(program.steps.size() == 6);
  CHECK(std::get<guest::Repeat>(program.steps[1].action).count == 3);
  CHECK(std::get<guest::Repeat>(program.steps[1].action).body == 3);
  CHECK(std::get<guest::Thread>(program.steps[2].action).body == 1);
  CHECK(std::get<guest::Sleep>(program.steps[3].action).microseconds == 5000);
  CHECK(std::holds_alternative<guest::Join>(program.steps[4].action));
  const std::vector<std::string> names = load(text).step_names;
  REQUIRE(names.size() == 6);
  CHECK(names[0] == "open path=/dev/vhost-net as=vhost (t.seq.toml:1)");
  CHECK(names[1] == "repeat count=3 (t.seq.toml:5)");
  CHECK(names[3] == "sleep time=5ms (t.seq.toml:10)");
}

TEST_CASE("expectations are read") {
  const std::string start = open_vhost + "[[step]]\ndo = 'close'\nfd = 'vhost'\n";
  using Kind = guest::Expectation::Kind;
  CHECK(decoded(start).steps[1].expectation.kind == Kind::any);
  CHECK(decoded(start + "expect = 'any'").steps[1].expectation.kind == Kind::any);
  CHECK(decoded(start + "expect = 'success'").steps[1].expectation.kind == Kind::success);
  CHECK(decoded(start + "result = 72").steps[1].expectation.result == 72);
  const guest::Expectation either =
      decoded(start + "errno = ['EFAULT', 'EINVAL']").steps[1].expectation;
  CHECK(either.kind == Kind::failure);
  CHECK(either.errors == std::vector<std::int32_t>{EFAULT, EINVAL});
}

TEST_CASE("an error says where it is and the nearest word") {
  CHECK(error_of("[[step]]\ndo = 'opne'\n")
            .find("t.seq.toml:2:6: unknown step 'opne' (did you mean 'open'?); expected one of "
                  "open, ioctl, ") == 0);
  CHECK(error_of("[[step]]\npath = 'x'\n") ==
        "t.seq.toml:1:1: 'do' is missing; expected do = \"...\"");
  CHECK(error_of("[[step]]\ndo = 'open'\npaht = '/dev/x'\nas = 'x'\n")
            .find("t.seq.toml:3:1: unknown key 'paht' (did you mean 'path'?)") == 0);
  CHECK(error_of(ioctl("request = 'VHOST_SET_OWNRE'\n")) ==
        "t.seq.toml:8:11: unknown constant 'VHOST_SET_OWNRE' (did you mean 'VHOST_SET_OWNER'?); "
        "expected a number or a kernel constant");
  CHECK(error_of(ioctl("request = 'VHOST_SET_OWNER'\nnum = 1\n"))
            .find("t.seq.toml:9:1: unknown key 'num'") == 0);
  CHECK(error_of(ioctl("request = 'VHOST_SET_FEATURES'\nfeatures = ['VIRTIO_F_VERSION1']\n")) ==
        "t.seq.toml:9:13: unknown feature 'VIRTIO_F_VERSION1' (did you mean "
        "'VIRTIO_F_VERSION_1'?)");
  CHECK(error_of(open_vhost + "[[step]]\ndo = 'close'\nfd = 'vhots'\n") ==
        "t.seq.toml:7:6: 'vhots' is no descriptor yet (did you mean 'vhost'?); a step before this "
        "one must define it: as = \"vhots\"");
  CHECK(error_of(open_vhost + "[[step]]\ndo = 'iotlb'\nfd = 'vhost'\nmessage = 'update'\n"
                              "uaddr = 'buffer:m'\n") ==
        "t.seq.toml:9:9: 'm' is no buffer yet; a step before this one must define it: as = \"m\"");
  CHECK(error_of(open_vhost + "[[step]]\ndo = 'iotlb'\nfd = 'vhost'\nmessage = 'updaet'\n") ==
        "t.seq.toml:8:11: unknown message 'updaet' (did you mean 'update'?); expected one of miss, "
        "update, invalidate, access-fail, batch-begin, batch-end, or a number");
  CHECK(error_of(open_vhost + "errno = 'EFUALT'\n") ==
        "t.seq.toml:5:9: unknown errno 'EFUALT' (did you mean 'EFAULT'?); expected a name like "
        "\"EFAULT\"");
  CHECK(error_of(open_vhost + "expect = 'sucess'\n") ==
        "t.seq.toml:5:10: unknown expectation 'sucess' (did you mean 'success'?); expected "
        "success, failure or any");
  CHECK(error_of("[[stpe]]\ndo = 'join'\n").find("unknown key 'stpe' (did you mean 'step'?)") !=
        std::string::npos);
}

TEST_CASE("names are used as what they are, while they are open") {
  CHECK(error_of(open_vhost + open_vhost) ==
        "t.seq.toml:8:6: 'vhost' is already a descriptor of line 4; take another name");
  CHECK(error_of(open_vhost + "[[step]]\ndo = 'store'\nbuffer = 'vhost'\nu16 = 1\n") ==
        "t.seq.toml:7:10: 'vhost' is a descriptor; expected a buffer");
  CHECK(error_of(open_vhost + "[[step]]\ndo = 'close'\nfd = 'vhost'\n"
                              "[[step]]\ndo = 'close'\nfd = 'vhost'\n") ==
        "t.seq.toml:10:6: 'vhost' is closed here; define it again before");
  CHECK(error_of("[[step]]\ndo = 'eventfd'\nas = 'a b'\n") ==
        "t.seq.toml:3:6: 'a b' is no name; expected letters, digits, '-' and '_'");
}

TEST_CASE("what is missing, out of range or contradictory is refused") {
  const std::string iotlb = open_vhost + "[[step]]\ndo = 'iotlb'\nfd = 'vhost'\n";
  for (const std::string& text :
       {std::string("step = []\n"),
        std::string(""),
        std::string("[[step]]\ndo = 'sleep'\n"),
        std::string("[[step]]\ndo = 'sleep'\ntime = '5'\n"),
        std::string("[[step]]\ndo = 'repeat'\ncount = 0\n[[step.step]]\ndo = 'join'\n"),
        std::string("[[step]]\ndo = 'repeat'\ncount = 1\n"),
        std::string("[[step]]\ndo = 'thread'\n"),
        std::string("[[step]]\ndo = 'mmap'\nas = 'm'\nsize = 0\n"),
        std::string("[[step]]\ndo = 'mmap'\nas = 'm'\n"),
        std::string("[[step]]\ndo = 'tap'\nas = 't'\nname = '0123456789abcdef'\n"),
        std::string("[[step]]\ndo = 'join'\nerrno = 'EIO'\nresult = 1\n"),
        iotlb,
        iotlb + "message = 'update'\nasid = 1\n",
        iotlb + "message = 'update'\nperm = 256\n",
        iotlb + "message = 'update'\niova = 'VIRTIO_F_VERSION_1'\n",
        iotlb + "message = 'update'\nuaddr = 'buffer:'\n",
        ioctl("request = 'VHOST_SET_LOG_FD'\n"),
        ioctl("request = 'VHOST_SET_LOG_FD'\nfile = 3\n"),
        ioctl("request = 'VHOST_SET_VRING_NUM'\nindex = 0x100000000\n"),
        ioctl("request = 'VHOST_SET_MEM_TABLE'\n"),
        ioctl("request = 'VHOST_SET_FEATURES'\n"),
        ioctl("request = 'VHOST_SET_OWNER'\nbytes = '0'\n"),
        ioctl("request = 'VHOST_SET_OWNER'\nbytes = '0g'\n"),
        ioctl(""),
        open_vhost + "[[step]]\ndo = 'write'\nfd = 'vhost'\n",
        open_vhost + "[[step]]\ndo = 'write'\nfd = 'vhost'\nu16 = 65536\n",
        open_vhost + "[[step]]\ndo = 'write'\nfd = 'vhost'\nu16 = 1\nsize = 3\n",
        open_vhost + "[[step]]\ndo = 'read'\nfd = 'vhost'\nsize = 0x100000\n"}) {
    INFO(text);
    const std::string message = error_of(text);
    CHECK(message.find("t.seq.toml:") == 0);
    CHECK(message.find('\n') == std::string::npos);
  }
}

TEST_CASE("steps nested too deep are refused") {
  std::string text;
  std::string path = "step";
  for (int i = 0; i < 12; ++i, path += ".step")
    text += "[[" + path + "]]\ndo = 'repeat'\ncount = 1\n";
  CHECK(error_of(text).find("nested too deep") != std::string::npos);
}

TEST_CASE("the sequences of images/jobs are read") {
  unsigned count = 0;
  for (const fs::directory_entry& entry :
       fs::directory_iterator(fs::path(KREPRO_IMAGES) / "jobs")) {
    const std::string name = entry.path().filename();
    if (name.size() < 9 || name.substr(name.size() - 9) != ".seq.toml")
      continue;
    const harness::Program program = harness::load_sequence(entry.path());
    const std::optional<guest::Program> decoded = guest::decode_program(program.encoded);
    REQUIRE(decoded);
    CHECK(decoded->steps.size() == program.step_names.size());
    CHECK(decoded->requirements.at(0).config == "CONFIG_VHOST_NET");
    ++count;
  }
  CHECK(count >= 3);
}
