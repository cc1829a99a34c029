// The folder make writes its objects to, kept between builds, and what a killed build leaves in it.
#pragma once

#include <filesystem>

namespace harness {

// While a build runs, a marker file stands in the folder. Found at the start of the next one, it
// means that the last was killed: some of the files newer than it may be half written.
class Objects {
 public:
  // Makes the folder if it is not there.
  explicit Objects(std::filesystem::path folder);

  const std::filesystem::path& path() const { return folder_; }
  // There was nothing in it when this was constructed, or since wipe().
  bool fresh() const { return fresh_; }
  // Removes what a killed build may have left half written, and marks the folder.
  void begin();
  // make has ended by itself: each file is whole.
  void end();
  void wipe();

 private:
  std::filesystem::path folder_;
  std::filesystem::path marker_;
  bool fresh_ = false;
};

// Of the folders obj-* in home, each about 1 GB, only the three last used ones and keep stay.
void prune_objects(const std::filesystem::path& home, const std::filesystem::path& keep);

// Removes the suspicious files among those not older than the marker: what kbuild has no whole .cmd
// file for that was written after it (kbuild writes X's command line to .X.cmd when X is complete),
// and all of the last seconds. Programs in tools/ have no .cmd and stay. Files below include/config
// stay: they are empty, only their times count. Returns how many were removed.
std::size_t remove_suspicious(const std::filesystem::path& folder,
                              const std::filesystem::path& marker);

} // namespace harness
