// A built kernel.
#pragma once

#include <filesystem>
#include <string>

namespace harness {

// Files of one kernel in the store (or the user's own, when a job names an image: then only vmlinux
// or bzimage is set, whichever it is).
struct Image {
  std::string key;               // SHA-256; empty for the user's own image
  std::filesystem::path folder;  // of the store entry
  std::filesystem::path vmlinux; // ELF with debug information
  std::filesystem::path bzimage;
  std::filesystem::path config;
  std::filesystem::path built_in; // the source folder's path in the debug information
  std::string compiler;           // "gcc (Debian 12.2.0-14+deb12u1) 12.2.0"
  std::string release;            // "6.1.170"
};

} // namespace harness
