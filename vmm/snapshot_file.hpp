// A snapshot as a file: its state, then its memory, with holes where that is zeros. For the machine
// and the krepro that wrote it: its numbers are as they are in memory.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "vmm/snapshot.hpp"

namespace vmm {

// Part of what a snapshot's key should cover: another version is not read.
constexpr unsigned snapshot_version = 1;

// Appears whole, read-only, in place of an older one. key: what the snapshot depends on, any bytes;
// note: the caller's, given back by load_snapshot. Throws base::SysError; leaves nothing behind,
// also when it is killed where the file system has O_TMPFILE.
void save_snapshot(const Snapshot& snapshot, const std::filesystem::path& file,
                   std::string_view key, std::string_view note);

struct LoadedSnapshot {
  std::shared_ptr<const Snapshot> snapshot; // its memory is mapped from the file
  std::string note;
};

// Nothing where there is no such file, or it has another key or version. Throws base::Error where
// it is damaged (all of it is read and its checksums compared), base::SysError where it cannot be
// read.
std::optional<LoadedSnapshot> load_snapshot(const std::filesystem::path& file,
                                            std::string_view key);

} // namespace vmm
