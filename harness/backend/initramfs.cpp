#include "harness/backend/initramfs.hpp"

#include <array>
#include <cerrno>
#include <memory>
#include <set>
#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"

namespace harness {

namespace {

constexpr std::size_t block = 1 << 16;

struct ArchiveFree {
  void operator()(struct archive* archive) const { archive_write_free(archive); }
  void operator()(struct archive_entry* entry) const { archive_entry_free(entry); }
};

la_ssize_t append(struct archive* /*archive*/, void* to, const void* bytes, std::size_t size) {
  static_cast<std::string*>(to)->append(static_cast<const char*>(bytes), size);
  return static_cast<la_ssize_t>(size);
}

// A newc archive in memory. Entries get increasing inode numbers and no times, so that the same
// calls give the same bytes.
class Cpio {
 public:
  Cpio() : archive_(archive_write_new()) {
    archive_write_set_format_cpio_newc(archive_.get());
    archive_write_set_bytes_per_block(archive_.get(), block);
    archive_write_set_bytes_in_last_block(archive_.get(), 1);
    check(archive_write_open(archive_.get(), &bytes_, nullptr, append, nullptr));
  }

  void folder(const std::string& name) {
    if (folders_.insert(name).second)
      write(entry(name, AE_IFDIR, 0755), {});
  }

  void file(const std::string& name, unsigned mode, std::string_view content) {
    write(entry(name, AE_IFREG, mode), content);
  }

  void device(const std::string& name, unsigned major, unsigned minor) {
    const Entry made = entry(name, AE_IFCHR, 0600);
    archive_entry_set_rdevmajor(made.get(), major);
    archive_entry_set_rdevminor(made.get(), minor);
    write(made, {});
  }

  // Every folder above a path.
  void parents(const std::string& name) {
    for (std::size_t at = name.find('/'); at != std::string::npos; at = name.find('/', at + 1))
      folder(name.substr(0, at));
  }

  std::string finish() {
    check(archive_write_close(archive_.get()));
    return std::move(bytes_);
  }

 private:
  using Entry = std::unique_ptr<struct archive_entry, ArchiveFree>;

  Entry entry(const std::string& name, unsigned type, unsigned mode) {
    Entry made(archive_entry_new());
    archive_entry_set_pathname(made.get(), name.c_str());
    archive_entry_set_filetype(made.get(), type);
    archive_entry_set_perm(made.get(), mode);
    archive_entry_set_nlink(made.get(), type == AE_IFDIR ? 2 : 1);
    archive_entry_set_ino(made.get(), ++inode_);
    archive_entry_set_mtime(made.get(), 0, 0);
    return made;
  }

  void write(const Entry& made, std::string_view content) {
    archive_entry_set_size(made.get(), static_cast<la_int64_t>(content.size()));
    check(archive_write_header(archive_.get(), made.get()));
    if (!content.empty() && archive_write_data(archive_.get(), content.data(), content.size()) < 0)
      check(ARCHIVE_FATAL);
  }

  void check(int status) {
    if (status != ARCHIVE_OK)
      throw base::Error(fmt::format("initramfs: {}", archive_error_string(archive_.get())));
  }

  std::string bytes_;
  std::unique_ptr<struct archive, ArchiveFree> archive_;
  std::set<std::string> folders_;
  la_int64_t inode_ = 0;
};

void add_extra(Cpio& cpio, const ExtraFile& extra) {
  ASSERT(extra.target.size() > 1 && extra.target.front() == '/');
  struct stat st {};
  if (::stat(extra.source.c_str(), &st) != 0)
    throw base::SysError(errno, "stat", extra.source);
  const std::string name = extra.target.substr(1);
  cpio.parents(name);
  cpio.file(name, (st.st_mode & 0100) != 0 ? 0755 : 0644, base::read_file(extra.source));
}

} // namespace

std::string make_initramfs(std::string_view agent, const std::vector<ExtraFile>& extra) {
  Cpio cpio;
  for (const char* name : {"dev", "proc", "sys"})
    cpio.folder(name);
  cpio.device("dev/console", 5, 1);
  cpio.file("init", 0755, agent);
  for (const ExtraFile& file : extra)
    add_extra(cpio, file);
  return cpio.finish();
}

} // namespace harness
