#include "harness/inspect/types.hpp"

#include <array>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <dwarf.h>
#include <elfutils/libdw.h>

namespace harness {

namespace {

// Functions of the units that define nearly all that is asked for: printk, scheduler, locks. They
// are looked through first; a kernel has some thousand others.
constexpr std::array<std::string_view, 6> homes{"vprintk_emit", "schedule",     "mutex_lock",
                                                "down_write",   "lock_acquire", "kthread_stop"};

constexpr int max_depth = 16; // structures within structures, and units that import units

// A shorter name may be stored with its entry, and not among the shared names.
constexpr std::size_t min_shared_name = 4;

std::optional<std::uint64_t> attribute(Dwarf_Die& die, unsigned int name) {
  Dwarf_Attribute found;
  Dwarf_Word value = 0;
  if (!dwarf_attr(&die, name, &found) || dwarf_formudata(&found, &value) != 0)
    return {};
  return value;
}

// The type of a member without its names and qualifiers.
std::optional<Dwarf_Die> type_of(Dwarf_Die& die) {
  Dwarf_Attribute found;
  Dwarf_Die type;
  if (!dwarf_formref_die(dwarf_attr(&die, DW_AT_type, &found), &type) ||
      dwarf_peel_type(&type, &type) != 0)
    return {};
  return type;
}

bool is_structure(Dwarf_Die& die) {
  const int tag = dwarf_tag(&die);
  return tag == DW_TAG_structure_type || tag == DW_TAG_union_type;
}

std::optional<Dwarf_Die> element_of(Dwarf_Die type) {
  for (int i = 0; i < max_depth && dwarf_tag(&type) == DW_TAG_array_type; ++i) {
    const std::optional<Dwarf_Die> element = type_of(type);
    if (!element)
      return {};
    type = *element;
  }
  return type;
}

std::size_t size_in_bytes(Dwarf_Die& type) {
  Dwarf_Word size = 0;
  return dwarf_aggregate_size(&type, &size) == 0 ? size : 0;
}

// Adds where a member lies in its structure, and takes its size. storage: bytes of its type.
void place_bitfield(Dwarf_Die& die, std::size_t storage, Member& member) {
  member.bits = static_cast<unsigned>(attribute(die, DW_AT_bit_size).value_or(0));
  if (member.bits == 0 || member.bits > 64)
    return;
  std::uint64_t first = 0; // bit, from the lowest of the structure's (x86) first byte
  if (const auto bit = attribute(die, DW_AT_data_bit_offset)) {
    first = *bit;
  } else if (const auto from_top = attribute(die, DW_AT_bit_offset)) { // DWARF 3 and before
    storage = attribute(die, DW_AT_byte_size).value_or(storage);
    first = storage * 8 - *from_top - member.bits;
  }
  member.offset += first / 8;
  member.bit_offset = first % 8;
  member.size = (member.bit_offset + member.bits + 7) / 8;
}

void place(Dwarf_Die& die, Dwarf_Die& type, Member& member) {
  member.offset += attribute(die, DW_AT_data_member_location).value_or(0);
  member.size = size_in_bytes(type);
  member.count = 1;
  if (dwarf_tag(&type) == DW_TAG_array_type) {
    std::optional<Dwarf_Die> element = element_of(type);
    const std::size_t one = element ? size_in_bytes(*element) : 0;
    member.count = one == 0 ? 0 : member.size / one;
  }
  place_bitfield(die, member.size, member);
}

} // namespace

std::uint64_t number_in(std::span<const std::uint8_t> object, const Member& member) {
  if (member.size > 8 || member.offset > object.size() ||
      member.size > object.size() - member.offset)
    return 0;
  std::uint64_t value = 0;
  for (std::size_t i = member.size; i-- > 0;)
    value = value << 8 | object[member.offset + i];
  if (member.bits == 0)
    return value;
  value >>= member.bit_offset;
  return member.bits >= 64 ? value : value & ((std::uint64_t(1) << member.bits) - 1);
}

struct Types::State {
  explicit State(const DebugFile& debug_file) : file(debug_file) {}

  std::optional<Dwarf_Die> structure(std::string_view name);
  std::optional<Dwarf_Die> complete(Dwarf_Die& type);
  bool find(Dwarf_Die& type, std::string_view name, Member& member, Dwarf_Die& found, int depth);
  std::optional<Member> member(std::string_view type, std::string_view path);
  std::optional<std::int64_t> enumerator(std::string_view name, std::size_t from) const;
  bool is_shared_name(std::string_view name) const;
  bool more();
  bool next_home();
  bool next_unit();
  void scan(Dwarf_Die& unit, int depth);
  void remember(Dwarf_Die& die);

  const DebugFile& file;
  std::size_t homes_seen = 0;
  Dwarf_Off next_offset = 0; // of the units that are gone through in turn
  std::unordered_set<Dwarf_Off> scanned;
  // Names are libdw's. Complete ones only.
  std::unordered_map<std::string_view, Dwarf_Off> structures;
  std::unordered_map<std::string_view, Dwarf_Off> typedefs;
  std::vector<Dwarf_Off> enumerations;
  std::unordered_map<std::string, std::optional<Member>> members; // that were asked for
};

void Types::State::remember(Dwarf_Die& die) {
  const int tag = dwarf_tag(&die);
  if (tag == DW_TAG_enumeration_type)
    enumerations.push_back(dwarf_dieoffset(&die));
  if (tag != DW_TAG_structure_type && tag != DW_TAG_union_type && tag != DW_TAG_typedef)
    return;
  const char* name = dwarf_diename(&die);
  if (!name || (tag != DW_TAG_typedef && dwarf_hasattr(&die, DW_AT_declaration)))
    return;
  (tag == DW_TAG_typedef ? typedefs : structures).emplace(name, dwarf_dieoffset(&die));
}

// What a unit has at its top, and those that it imports (dwz).
void Types::State::scan(Dwarf_Die& unit, int depth) {
  if (depth > max_depth || dwarf_srclang(&unit) == DW_LANG_Rust ||
      !scanned.insert(dwarf_dieoffset(&unit)).second)
    return;
  Dwarf_Die die;
  for (int state = dwarf_child(&unit, &die); state == 0; state = dwarf_siblingof(&die, &die)) {
    Dwarf_Attribute import;
    Dwarf_Die other;
    if (dwarf_tag(&die) != DW_TAG_imported_unit)
      remember(die);
    else if (dwarf_formref_die(dwarf_attr(&die, DW_AT_import, &import), &other))
      scan(other, depth + 1);
  }
}

bool Types::State::next_home() {
  while (homes_seen < homes.size()) {
    const std::optional<std::uint64_t> address = file.symbols().find(homes[homes_seen++], 0);
    Dwarf_Die unit;
    if (address && dwarf_addrdie(file.dwarf(), *address, &unit) &&
        !scanned.contains(dwarf_dieoffset(&unit))) {
      scan(unit, 0);
      return true;
    }
  }
  return false;
}

bool Types::State::next_unit() {
  Dwarf_Off next = 0;
  std::size_t header = 0;
  if (dwarf_nextcu(file.dwarf(), next_offset, &next, &header, nullptr, nullptr, nullptr) != 0)
    return false;
  Dwarf_Die unit;
  if (dwarf_offdie(file.dwarf(), next_offset + header, &unit))
    scan(unit, 0);
  next_offset = next;
  return true;
}

bool Types::State::more() { return next_home() || next_unit(); }

// Whether debug information may have the name at all: its absence would be found out only after all
// units.
bool Types::State::is_shared_name(std::string_view name) const {
  const std::string_view all = file.debug_names();
  return all.empty() || name.size() < min_shared_name ||
         all.find(std::string(name) + '\0') != std::string_view::npos;
}

std::optional<Dwarf_Die> Types::State::structure(std::string_view name) {
  for (const std::string_view word : {"struct ", "union "})
    if (name.starts_with(word))
      name.remove_prefix(word.size());
  if (!structures.contains(name) && !typedefs.contains(name) && !is_shared_name(name))
    return {};
  do {
    Dwarf_Die die;
    for (const auto* known : {&structures, &typedefs})
      if (const auto at = known->find(name); at != known->end())
        if (dwarf_offdie(file.dwarf(), at->second, &die) && dwarf_peel_type(&die, &die) == 0 &&
            dwarf_tag(&die) != DW_TAG_typedef && !dwarf_hasattr(&die, DW_AT_declaration))
          return die;
  } while (more());
  return {};
}

// A structure that this unit only declares, as another defines it.
std::optional<Dwarf_Die> Types::State::complete(Dwarf_Die& type) {
  if (!dwarf_hasattr(&type, DW_AT_declaration))
    return type;
  const char* name = dwarf_diename(&type);
  return name ? structure(name) : std::nullopt;
}

// member: of the structure that type is; offsets add up. found: the member's type.
bool Types::State::find(Dwarf_Die& type, std::string_view name, Member& member, Dwarf_Die& found,
                        int depth) {
  std::optional<Dwarf_Die> whole = complete(type);
  if (depth > max_depth || !whole || !is_structure(*whole))
    return false;
  Dwarf_Die die;
  for (int state = dwarf_child(&*whole, &die); state == 0; state = dwarf_siblingof(&die, &die)) {
    if (dwarf_tag(&die) != DW_TAG_member)
      continue;
    const char* its_name = dwarf_diename(&die);
    if (its_name && name != its_name)
      continue;
    std::optional<Dwarf_Die> its_type = type_of(die);
    if (!its_type)
      continue;
    Member here = member;
    place(die, *its_type, here);
    if (its_name) {
      member = here;
      found = *its_type;
      return true;
    }
    if (find(*its_type, name, here, found, depth + 1)) {
      member = here;
      return true;
    }
  }
  return false;
}

std::optional<Member> Types::State::member(std::string_view type, std::string_view path) {
  const std::string key = std::string(type) + ' ' + std::string(path);
  if (const auto known = members.find(key); known != members.end())
    return known->second;
  std::optional<Member> result = Member{};
  std::optional<Dwarf_Die> at = structure(type);
  while (at && result) {
    const std::string_view name = path.substr(0, path.find('.'));
    Dwarf_Die found;
    if (!find(*at, name, *result, found, 0))
      result.reset();
    else if (name.size() == path.size())
      break;
    else
      at = element_of(found);
    path.remove_prefix(name.size() + (name.size() < path.size() ? 1 : 0));
  }
  return members[key] = at ? result : std::nullopt;
}

// from: the enumerations before it need not be looked at.
std::optional<std::int64_t> Types::State::enumerator(std::string_view name,
                                                     std::size_t from) const {
  for (; from < enumerations.size(); ++from) {
    Dwarf_Die enumeration;
    Dwarf_Die die;
    if (!dwarf_offdie(file.dwarf(), enumerations[from], &enumeration))
      continue;
    for (int state = dwarf_child(&enumeration, &die); state == 0;
         state = dwarf_siblingof(&die, &die)) {
      const char* its_name = dwarf_diename(&die);
      Dwarf_Attribute found;
      Dwarf_Sword value = 0;
      if (its_name && name == its_name &&
          dwarf_formsdata(dwarf_attr(&die, DW_AT_const_value, &found), &value) == 0)
        return value;
    }
  }
  return {};
}

Types::Types(const DebugFile& file) : state_(std::make_unique<State>(file)) {}
Types::Types(Types&&) noexcept = default;
Types& Types::operator=(Types&&) noexcept = default;
Types::~Types() = default;

std::optional<Member> Types::member(std::string_view type, std::string_view path) const {
  return state_->member(type, path);
}

std::optional<std::size_t> Types::size_of(std::string_view type) const {
  std::optional<Dwarf_Die> die = state_->structure(type);
  return die ? std::optional(size_in_bytes(*die)) : std::nullopt;
}

std::optional<std::int64_t> Types::enumerator(std::string_view name) const {
  if (!state_->is_shared_name(name))
    return {};
  std::size_t from = 0;
  do {
    if (const std::optional<std::int64_t> value = state_->enumerator(name, from))
      return value;
    from = state_->enumerations.size();
  } while (state_->more());
  return {};
}

bool Types::defines_beside(std::string_view known, std::string_view name) const {
  const std::optional<std::uint64_t> address = state_->file.symbols().find(known, 0);
  Dwarf_Die unit;
  if (!address || !state_->is_shared_name(name) ||
      !dwarf_addrdie(state_->file.dwarf(), *address, &unit))
    return false;
  Dwarf_Die die;
  for (int state = dwarf_child(&unit, &die); state == 0; state = dwarf_siblingof(&die, &die)) {
    const char* its_name = dwarf_tag(&die) == DW_TAG_subprogram ? dwarf_diename(&die) : nullptr;
    if (its_name && name == its_name)
      return true;
  }
  return false;
}

} // namespace harness
