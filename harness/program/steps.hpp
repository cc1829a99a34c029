// One [[step]] table of a sequence into one step of a program. The format is described in
// images/jobs/README.md.
#pragma once

#include <string>
#include <vector>

#include "guest/program.hpp"
#include "harness/config/toml.hpp"
#include "harness/program/values.hpp"

namespace harness {

// What the steps before this one have defined.
struct Scope {
  Names names;
  std::vector<guest::Requirement> requirements;
};

// A step that holds others: its body is read by the caller, which sets the length.
enum class Body { none, steps };

struct StepKind {
  std::string_view name; // the value of do
  Body body;
  std::vector<std::string> keys; // beside those every step has
  // Throws base::UsageError.
  guest::Action (*make)(const TomlTable& table, Scope& scope);
};

// Throws base::UsageError for a step without do, or with an unknown one.
const StepKind& step_kind(const TomlTable& table);

// The argument of an ioctl step: by request the typed keys, else value, bytes or buffer.
guest::Argument ioctl_argument(const TomlTable& table, std::uint64_t request, const Names& names);
// The keys that the request takes; what a request that is not known takes.
std::vector<std::string> ioctl_keys(std::uint64_t request);

// A struct ifreq with name and flags. Throws base::UsageError for a name that is too long.
guest::Data interface_request(const TomlTable& table, std::string_view name, std::uint64_t flags);

// The 72 bytes (less with length) of struct vhost_msg or vhost_msg_v2 (linux/vhost_types.h).
guest::Data iotlb_message(const TomlTable& table, const Names& names);

// errno, result or expect of a step.
guest::Expectation expectation_of(const TomlTable& table);

// "iotlb fd=vhost message=update iova=0x100000": the keys in the order of the kind.
std::string describe(const TomlTable& table, const StepKind& kind);

} // namespace harness
