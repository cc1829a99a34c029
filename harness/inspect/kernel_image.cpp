#include "harness/inspect/kernel_image.hpp"

#include "vmm/base/error.hpp"

namespace harness {

namespace {

// __START_KERNEL_map (Documentation/arch/x86/x86_64/mm.rst): what a vmlinux has below it are
// offsets (of per-CPU variables), no addresses.
constexpr std::uint64_t image_start = 0xffffffff80000000;

} // namespace

KernelImage::KernelImage(const std::filesystem::path& vmlinux) {
  if (vmlinux.empty()) {
    why_ = "no vmlinux of this kernel is known";
    return;
  }
  try {
    file_ = std::make_unique<DebugFile>(vmlinux);
    types_ = std::make_unique<Types>(*file_);
    segments_ = file_->segments();
  } catch (const base::Error& error) {
    why_ = error.what();
  }
}

std::optional<std::uint64_t> KernelImage::symbol(std::string_view name) const {
  if (!file_)
    return {};
  const std::lock_guard lock(mutex_);
  const auto [known, is_new] = symbols_.try_emplace(std::string(name));
  if (is_new)
    known->second = file_->symbols().address(name);
  return known->second;
}

std::optional<std::uint64_t> KernelImage::physical(std::uint64_t address) const {
  for (const ElfSegment& segment : segments_)
    if (segment.address >= image_start && address >= segment.address &&
        address - segment.address < segment.size)
      return segment.physical + (address - segment.address);
  return {};
}

std::optional<Member> KernelImage::member(std::string_view type, std::string_view path) const {
  const std::lock_guard lock(mutex_);
  return types_ ? types_->member(type, path) : std::nullopt;
}

std::optional<std::size_t> KernelImage::size_of(std::string_view type) const {
  const std::lock_guard lock(mutex_);
  return types_ ? types_->size_of(type) : std::nullopt;
}

bool KernelImage::defines_beside(std::string_view known, std::string_view name) const {
  const std::lock_guard lock(mutex_);
  return types_ && types_->defines_beside(known, name);
}

std::optional<std::int64_t> KernelImage::enumerator(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  return types_ ? types_->enumerator(name) : std::nullopt;
}

} // namespace harness
