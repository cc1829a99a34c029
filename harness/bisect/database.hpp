// SQLite, as little of it as krepro needs: a connection and prepared statements.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace harness {

class Statement;

// One connection. Every failure throws base::Error with the file, what SQLite said and, where the
// file is damaged, the next step. One thread at a time; other processes are waited for (10 s).
class Database {
 public:
  // The file and its folders are made if missing. WAL: a commit survives the death of the
  // process at once, that of the machine within the next checkpoint; the file stays whole either
  // way.
  explicit Database(const std::filesystem::path& file);

  // Runs statements without parameters.
  void run(const char* sql);
  Statement prepare(const char* sql);
  std::int64_t last_id() const;
  // Value of the first column of the first row.
  std::int64_t number(const char* sql);
  [[noreturn]] void fail(const std::string& doing) const;
  const std::filesystem::path& file() const { return file_; }

 private:
  struct Close {
    void operator()(sqlite3* connection) const;
  };
  std::filesystem::path file_;
  std::unique_ptr<sqlite3, Close> connection_;
};

// A prepared statement; must not outlive its Database.
class Statement {
 public:
  Statement(Database& database, sqlite3_stmt* statement);
  // Binds the next parameter.
  Statement& with(std::int64_t value);
  Statement& with(double value);
  Statement& with(std::string_view value);
  // True: there is a row; false: done.
  bool step();
  std::int64_t number(int column) const;
  double real(int column) const;
  std::string text(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  Database* database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int bound_ = 0;
};

// Undone at the end unless committed.
class Transaction {
 public:
  explicit Transaction(Database& database);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();
  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

} // namespace harness
