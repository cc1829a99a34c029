// Who looks after a file, as the tree itself says.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace harness {

// What the tree's scripts/get_maintainer.pl says of a file (relative to the top of the tree), one
// "Name <mail> (role)" or "list (role)" each, without git history. Empty where the tree has no
// such script or file, or perl fails or takes longer than half a minute.
std::vector<std::string> maintainers_of(const std::filesystem::path& tree, const std::string& file);

} // namespace harness
