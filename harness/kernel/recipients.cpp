#include <algorithm>
#include <cctype>

#include "harness/kernel/git.hpp"
#include "harness/kernel/tree.hpp"
#include "vmm/base/error.hpp"
#include "vmm/base/log.hpp"
#include "vmm/base/text.hpp"

namespace harness {

namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

// The address of "Name <mail>", lower case; of a bare "mail" that.
std::string mail_of(std::string_view recipient) {
  const std::size_t open = recipient.find('<');
  const std::size_t close = recipient.rfind('>');
  if (open != std::string_view::npos && close != std::string_view::npos && open < close)
    recipient = recipient.substr(open + 1, close - open - 1);
  return lower(base::trim(recipient));
}

class Recipients {
 public:
  // Ignores what has no address and whom it has already.
  void add(std::string_view text) {
    text = base::trim(text.substr(0, text.find('#'))); // "stable@... # v4.8+"
    if (const std::size_t close = text.find('>'); close != std::string_view::npos)
      text = text.substr(0, close + 1);
    const std::string mail = mail_of(text);
    if (mail.find('@') == std::string::npos || mail.find(' ') != std::string::npos ||
        std::find(mails_.begin(), mails_.end(), mail) != mails_.end())
      return;
    mails_.push_back(mail);
    list_.push_back(base::printable(text));
  }
  std::vector<std::string> take() { return std::move(list_); }

 private:
  std::vector<std::string> mails_;
  std::vector<std::string> list_;
};

bool names_people(std::string_view key) {
  const std::string name = lower(key);
  return name == "cc" || (name.size() > 3 && name.substr(name.size() - 3) == "-by");
}

// What scripts/get_maintainer.pl says of a patch; empty where it is not there or fails.
std::string maintainers(const std::filesystem::path& checkout, const std::string& patch) {
  std::error_code ignored;
  if (patch.empty() || !std::filesystem::exists(checkout / "scripts/get_maintainer.pl", ignored))
    return {};
  base::Command command;
  command.argv = {"perl", "scripts/get_maintainer.pl", "--norolestats", "--nogit",
                  "--nogit-fallback"}; // no file: the patch is on standard input
  command.cwd = checkout;
  command.input = patch;
  command.deadline = std::chrono::seconds(30);
  try {
    base::Finished finished = base::run_command(command);
    if (finished.status.success())
      return std::move(finished.out);
    base::log("kernel", base::LogLevel::warn, "get_maintainer.pl: {}", finished.err);
  } catch (const base::SysError& error) {
    base::log("kernel", base::LogLevel::warn, "get_maintainer.pl: {}", error.what());
  }
  return {};
}

} // namespace

std::vector<std::string> Tree::recipients(const std::string& sha,
                                          const std::filesystem::path& checkout) const {
  Recipients list;
  list.add(commit(sha).author);
  const std::string trailers =
      git_output(path_, {"log", "-1", "--encoding=UTF-8", "--format=%(trailers:only,unfold)", sha});
  for (const std::string_view line : base::lines_of(trailers)) {
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos && names_people(line.substr(0, colon)))
      list.add(line.substr(colon + 1));
  }
  const std::string patch =
      git_output(path_, {"show", "--first-parent", "--format=email", "--no-ext-diff", sha});
  const std::string people = maintainers(checkout, patch);
  for (const std::string_view line : base::lines_of(people))
    list.add(line);
  return list.take();
}

} // namespace harness
