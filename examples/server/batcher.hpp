// Answers requests from many threads, those that wait together by one pass over the classes: the
// time of a pass is that of reading the weights, which one vector needs as much as many.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "options.hpp"
#include "top_k_request.hpp"

namespace server {

class Batcher {
 public:
  explicit Batcher(const Options& options);
  /// Every call of `answer` must have returned.
  ~Batcher();

  /// Returns when the answer is there. Throws Refusal, with status 503, if its pass did not begin
  /// within the longest wait.
  TopKAnswer answer(const TopKRequest& request);

 private:
  using Clock = std::chrono::steady_clock;
  struct Waiting {
    Waiting(const TopKRequest& asked, Clock::time_point latest) : request(asked), until(latest) {}
    const TopKRequest& request;
    Clock::time_point until;
    std::promise<TopKAnswer> answer{};
  };
  // The pass owns the promise: who waits may be gone before `set_value` returns.
  using Batch = std::vector<std::shared_ptr<Waiting>>;

  void run();
  // The first that waits, and those behind it that can share its pass.
  Batch take_batch();
  void serve(const Batch& batch) const;

  const Options options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Waiting>> waiting_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace server
