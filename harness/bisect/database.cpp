#include "harness/bisect/database.hpp"

#include <cstring>
#include <sqlite3.h>

#include <fmt/format.h>

#include "vmm/base/error.hpp"

namespace harness {
namespace {

constexpr int busy_ms = 10'000;

std::string next_step(int code) {
  switch (code & 0xff) {
  case SQLITE_NOTADB:
  case SQLITE_CORRUPT:
    return "; the file is damaged or not krepro's: move it away and run again";
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    return "; another krepro is writing to it";
  case SQLITE_FULL:
    return "; make room on that disk";
  case SQLITE_CANTOPEN:
  case SQLITE_READONLY:
  case SQLITE_PERM:
    return "; check that it and its folder can be written";
  default:
    return "";
  }
}

// SQLite's words, and the system's where the disk is the reason.
std::string words_of(sqlite3* connection) {
  std::string words = sqlite3_errmsg(connection);
  const int error = sqlite3_system_errno(connection);
  if ((sqlite3_errcode(connection) & 0xff) == SQLITE_IOERR && error != 0)
    words += fmt::format(": {}", std::strerror(error));
  return words;
}

} // namespace

void Database::Close::operator()(sqlite3* connection) const { sqlite3_close_v2(connection); }

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

Database::Database(const std::filesystem::path& file) : file_(file) {
  std::error_code error;
  if (file.has_parent_path())
    std::filesystem::create_directories(file.parent_path(), error);
  if (error)
    throw base::SysError(error.value(), "mkdir", file.parent_path().string());
  sqlite3* connection = nullptr;
  const int code = sqlite3_open_v2(file.c_str(), &connection,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  connection_.reset(connection); // also where it failed
  if (code != SQLITE_OK)
    fail("open");
  sqlite3_extended_result_codes(connection, 1);
  sqlite3_busy_timeout(connection, busy_ms);
  run("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON");
}

void Database::fail(const std::string& doing) const {
  const int code = connection_ ? sqlite3_extended_errcode(connection_.get()) : SQLITE_NOMEM;
  const std::string said = connection_ ? words_of(connection_.get()) : "out of memory";
  throw base::Error(fmt::format("{}: {}: {}{}", file_.string(), doing, said, next_step(code)));
}

void Database::run(const char* sql) {
  if (sqlite3_exec(connection_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK)
    fail("state");
}

Statement Database::prepare(const char* sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(connection_.get(), sql, -1, &statement, nullptr) != SQLITE_OK)
    fail("state");
  return {*this, statement};
}

std::int64_t Database::last_id() const { return sqlite3_last_insert_rowid(connection_.get()); }

std::int64_t Database::number(const char* sql) {
  Statement statement = prepare(sql);
  return statement.step() ? statement.number(0) : 0;
}

Statement::Statement(Database& database, sqlite3_stmt* statement)
    : database_(&database), statement_(statement) {}

Statement& Statement::with(std::int64_t value) {
  if (sqlite3_bind_int64(statement_.get(), ++bound_, value) != SQLITE_OK)
    database_->fail("state");
  return *this;
}

Statement& Statement::with(double value) {
  if (sqlite3_bind_double(statement_.get(), ++bound_, value) != SQLITE_OK)
    database_->fail("state");
  return *this;
}

Statement& Statement::with(std::string_view value) {
  // A null pointer would bind NULL, and the columns are NOT NULL.
  const char* data = value.empty() ? "" : value.data();
  if (sqlite3_bind_text64(statement_.get(), ++bound_, data, value.size(), SQLITE_TRANSIENT,
                          SQLITE_UTF8) != SQLITE_OK)
    database_->fail("state");
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code != SQLITE_ROW && code != SQLITE_DONE)
    database_->fail("state");
  return code == SQLITE_ROW;
}

std::int64_t Statement::number(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

double Statement::real(int column) const { return sqlite3_column_double(statement_.get(), column); }

std::string Statement::text(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return data == nullptr
             ? std::string{}
             : std::string(static_cast<const char*>(data), static_cast<std::size_t>(size));
}

Transaction::Transaction(Database& database) : database_(database) {
  database_.run("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  if (!open_)
    return;
  try {
    database_.run("ROLLBACK");
  } catch (const base::Error&) { // the connection is lost, and the transaction with it
  }
}

void Transaction::commit() {
  database_.run("COMMIT");
  open_ = false;
}

} // namespace harness
