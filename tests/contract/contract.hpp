// What the suite needs from the program that runs it on one backend.
#pragma once

#include <filesystem>
#include <memory>

#include "harness/backend/backend.hpp"

namespace contract {

// Given by the program of each backend.
std::unique_ptr<harness::Backend> make_contract_backend(const std::filesystem::path& folder);

// The kernel of KREPRO_TEST_KERNEL: a vmlinux, a bzImage, or a folder with either.
struct Kernel {
  std::filesystem::path vmlinux;
  std::filesystem::path bzimage;
};

// This process's session folder and kernel.
const std::filesystem::path& session();
const Kernel& kernel();
// The backend that all cases share.
harness::Backend& backend();

} // namespace contract
