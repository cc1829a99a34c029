// Lines of the files of a tree.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace harness {

// "6.1.192" as the Makefile at the top of a kernel tree says; "" where there is none.
std::string tree_version(const std::filesystem::path& tree);

class SourceLines {
 public:
  // The top of the tree; may be empty: then there are no lines.
  explicit SourceLines(std::filesystem::path tree) : tree_(std::move(tree)) {}

  // The line without spaces at its ends and control characters; "" where the tree has none such, or
  // file is not below it. file: relative to the top; line: from 1.
  std::string line(const std::string& file, int line);

 private:
  std::filesystem::path tree_;
  std::map<std::string, std::vector<std::string>> files_; // of those asked for
};

} // namespace harness
