// The real lab: kernels from the builder, runs by the runner.
#pragma once

#include "harness/bisect/tester.hpp"
#include "harness/job/runner.hpp"
#include "harness/kernel/build.hpp"

namespace harness {

// Borrows both.
class JobLab : public Lab {
 public:
  JobLab(Builder& builder, Runner& runner) : builder_(builder), runner_(runner) {}
  std::string compiler(const std::string& sha) override { return builder_.compiler(sha); }
  BuildResult build(const std::string& sha, const OnStage& on_stage) override {
    return builder_.build(sha, on_stage);
  }
  Trial run(const std::string& sha, const Image& image, unsigned index,
            const OnStage& on_stage) override;

 private:
  Builder& builder_;
  Runner& runner_;
};

} // namespace harness
