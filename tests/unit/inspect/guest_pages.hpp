// Guest-physical memory by hand.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <span>

// Pages that are there are those that were written to.
class GuestPages {
 public:
  static constexpr std::uint64_t page_size = 4096;

  void write(std::uint64_t address, std::span<const std::uint8_t> bytes) {
    for (const std::uint8_t byte : bytes) {
      pages_[address / page_size][address % page_size] = byte;
      ++address;
    }
  }
  template<class T> void put(std::uint64_t address, T value) {
    std::array<std::uint8_t, sizeof(T)> bytes{};
    std::memcpy(bytes.data(), &value, sizeof value);
    write(address, bytes);
  }
  bool read(std::uint64_t address, std::span<std::uint8_t> to) const {
    reads++;
    for (std::uint8_t& byte : to) {
      const auto page = pages_.find(address / page_size);
      if (page == pages_.end())
        return false;
      byte = page->second[address++ % page_size];
    }
    return true;
  }

  mutable unsigned reads = 0;

 private:
  std::map<std::uint64_t, std::array<std::uint8_t, page_size>> pages_;
};
