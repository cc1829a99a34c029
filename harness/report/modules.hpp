// The modules that a report names, in a folder of .ko files with debug information.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "harness/report/debug_file.hpp"

namespace harness {

class ModuleFolder {
 public:
  struct Module {
    std::unique_ptr<DebugFile> file; // null where there is none that can be read
    std::string problem;             // one line for people where file is null
  };

  // Looked through with all folders below it when a module is first asked for. May be empty: then
  // there are none. Throws nothing.
  explicit ModuleFolder(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // By the name the kernel prints; "-" and "_" are the same to it. <name>.ko.debug and <name>.debug
  // come before <name>.ko. The answer stays valid as long as this folder.
  const Module& find(std::string_view name);

 private:
  void scan();

  std::filesystem::path folder_;
  bool scanned_ = false;
  std::map<std::string, std::filesystem::path> paths_; // the best of each name
  std::map<std::string, Module> modules_;
};

} // namespace harness
