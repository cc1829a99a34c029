#include "vmm/base/mapping.hpp"

#include <cerrno>
#include <sys/mman.h>
#include <utility>

#include "vmm/base/error.hpp"

namespace base {

namespace {

constexpr std::size_t huge_page = 2u << 20;

} // namespace

// The kernel gives no alignment: map one huge page more and give both ends back.
Mapping Mapping::anonymous(std::size_t size, const std::string& object) {
  const std::size_t room = size + huge_page;
  void* given = ::mmap(nullptr, room, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (given == MAP_FAILED)
    throw SysError(errno, "mmap", object);
  auto* const start = static_cast<std::uint8_t*>(given);
  const std::size_t before =
      (huge_page - reinterpret_cast<std::uintptr_t>(start) % huge_page) % huge_page;
  if (before != 0)
    ::munmap(start, before);
  if (before != huge_page)
    ::munmap(start + before + size, huge_page - before);
  ::madvise(start + before, size, MADV_HUGEPAGE); // a wish: without it only speed is lost
  return {start + before, size};
}

namespace {

void* map(const Fd& fd, std::size_t size, int flags, std::uint64_t offset,
          const std::string& object) {
  void* given =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, fd.get(), static_cast<off_t>(offset));
  if (given == MAP_FAILED)
    throw SysError(errno, "mmap", object);
  return given;
}

} // namespace

Mapping Mapping::shared(const Fd& fd, std::size_t size, const std::string& object) {
  return {map(fd, size, MAP_SHARED, 0, object), size};
}

Mapping Mapping::copy_on_write(const Fd& fd, std::size_t size, const std::string& object,
                               std::uint64_t offset) {
  return {map(fd, size, MAP_PRIVATE | MAP_NORESERVE, offset, object), size};
}

Mapping::Mapping(Mapping&& other) noexcept
    : address_(std::exchange(other.address_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  if (this != &other) {
    reset();
    address_ = std::exchange(other.address_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

void Mapping::reset() {
  if (address_ != nullptr)
    ::munmap(address_, size_);
  address_ = nullptr;
  size_ = 0;
}

} // namespace base
