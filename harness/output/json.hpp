// Results as JSON, for scripts.
#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "harness/bisect/revision.hpp"
#include "harness/monitor/outcome.hpp"

namespace harness {

// {"outcome": "crash", "detail": "...", "kernel": "6.1.0", "seconds": 4.2, "boot_seconds": 1.3,
//  "folder": "...", "crashes": [{"title", "type", "function", "report", "corrupted"}],
//  "steps": [{"index", "thread", "result", "error", "expected"}]}
nlohmann::json run_json(const Outcome& outcome, const std::filesystem::path& folder);

// {"end": "found", "detail": "", "start": sha, "first_bad_commit": {sha, subject, author, date,
//  message, runs, hits} or null, "parents": [{sha, runs, hits}], "candidates": [sha], "cc": [],
//  "crash": {title, type, function, report} or null, "revisions", "seconds", "build_seconds",
//  "test_seconds"}
nlohmann::json bisect_json(const BisectResult& result);

// Indented; bytes that are no UTF-8 (consoles have them) become U+FFFD.
std::string json_text(const nlohmann::json& value);

// The same on one line.
std::string json_line(const nlohmann::json& value);

} // namespace harness
