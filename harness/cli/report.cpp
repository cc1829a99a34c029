#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <optional>
#include <poll.h>
#include <string_view>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/cli/commands.hpp"
#include "harness/output/json.hpp"
#include "harness/output/log_reports.hpp"
#include "harness/report/decoder.hpp"
#include "vmm/base/error.hpp"
#include "vmm/base/files.hpp"
#include "vmm/base/stop.hpp"
#include "vmm/base/text.hpp"

namespace harness::cli {

namespace {

constexpr std::size_t max_input = std::size_t{1} << 30; // bytes of a log on standard input

// Standard input to its end; ^C ends it.
std::string read_input() {
  std::string content;
  std::array<char, 65536> buffer;
  for (;;) {
    struct pollfd wait[] = {{STDIN_FILENO, POLLIN, 0}, {base::stop_fd(), POLLIN, 0}};
    ::poll(wait, std::size(wait), -1);
    base::check_stop();
    const ssize_t n = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      throw base::SysError(errno, "read", "standard input");
    if (n == 0)
      return content;
    content.append(buffer.data(), static_cast<std::size_t>(n));
    if (content.size() > max_input)
      throw base::Error("standard input: more than 1 GiB; give the log as a file");
  }
}

// A write to a pipe or file comes whole, or it is an error. A reader that had enough ends krepro as
// it ends other filters.
void put(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0)
    return;
  const int error = errno;
  if (error == EPIPE && std::signal(SIGPIPE, SIG_DFL) != SIG_ERR)
    std::raise(SIGPIPE);
  throw base::SysError(error, "write", "standard output");
}

// The logs' reports in the form that was asked for, each log's as soon as it is there.
class Writer {
 public:
  // several: JSON is an array.
  Writer(const std::string& format, bool several)
      : html_(format == "html"), line_(format == "jsonl"), json_(format == "json"),
        array_(json_ && several) {
    if (html_)
      put(html_head());
  }

  void add(const LogReports& log) {
    if (array_)
      put(began_ ? "," : "[\n");
    began_ = true;
    put(html_   ? html_section(log)
        : line_ ? json_line(log_json(log))
        : json_ ? json_text(log_json(log))
                : log_text(log));
  }

  void end() {
    if (html_)
      put(html_foot());
    if (array_)
      put(began_ ? "]\n" : "[]\n");
  }

 private:
  const bool html_;
  const bool line_;
  const bool json_;
  const bool array_;
  bool began_ = false;
};

LogReports read_log(const std::string& file, const Decoder& decoder) {
  return reports_of(file, file == "-" ? read_input() : base::read_file(file), decoder);
}

std::vector<std::string> logs_of(const ReportOptions& options) {
  if (!options.logs.empty())
    return options.logs;
  if (::isatty(STDIN_FILENO) != 0)
    throw base::UsageError("krepro report: no log; expected krepro report LOG..., or a log on "
                           "standard input");
  return {"-"};
}

} // namespace

int report(const ReportOptions& options) {
  const std::vector<std::string> logs = logs_of(options);
  const Decoder decoder({options.vmlinux, options.modules, options.source, {}});
  Writer writer(options.format, logs.size() > 1);
  bool crashed = false;
  bool failed = false;
  for (const std::string& file : logs) {
    base::check_stop();
    std::optional<LogReports> log;
    try {
      log = read_log(file, decoder);
    } catch (const base::Interrupted&) {
      throw;
    } catch (const base::Error& error) {
      fmt::print(stderr, "krepro: {}\n", base::printable(error.what()));
      failed = true;
      continue;
    }
    crashed = crashed || log->crashed();
    writer.add(*log);
  }
  writer.end();
  return failed ? exit_infrastructure : crashed ? exit_bad : exit_good;
}

} // namespace harness::cli
