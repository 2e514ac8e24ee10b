#include "batcher.hpp"

#include <algorithm>
#include <exception>

#include "refusal.hpp"
#include "top_k_pass.hpp"

namespace server {

namespace {

// What the requests of a pass have in common, as they are added.
class SharedPass {
 public:
  SharedPass(const TopKRequest& first, std::int64_t max_rows) : first_(first), max_rows_(max_rows) {
    grow(first);
  }

  // Adds a request and returns true, if it can share the pass.
  bool add(const TopKRequest& request) {
    SharedPass together = *this;
    together.grow(request);
    if (request.layer != first_.layer || request.log_probabilities != first_.log_probabilities ||
        together.rows_ > max_rows_ ||
        together.k_ + together.excluded_ > first_.layer->num_classes()) {
      return false;
    }
    rows_ = together.rows_, k_ = together.k_, excluded_ = together.excluded_;
    return true;
  }

 private:
  void grow(const TopKRequest& request) {
    rows_ += request.rows();
    k_ = std::max(k_, request.k);
    for (const auto& classes : request.excluded) {
      excluded_ = std::max(excluded_, static_cast<std::int64_t>(classes.size()));
    }
  }

  const TopKRequest& first_;
  std::int64_t max_rows_;
  std::int64_t rows_ = 0;
  std::int64_t k_ = 0;         // the largest
  std::int64_t excluded_ = 0;  // the most of a row
};

}  // namespace

Batcher::Batcher(const Options& options) : options_(options), thread_([this] { run(); }) {}

Batcher::~Batcher() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

TopKAnswer Batcher::answer(const TopKRequest& request) {
  const auto until = Clock::now() + std::chrono::milliseconds(options_.max_wait);
  const auto waiting = std::make_shared<Waiting>(request, until);
  auto answer = waiting->answer.get_future();
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(waiting);
  }
  changed_.notify_one();
  return answer.get();
}

void Batcher::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const Batch batch = take_batch();
    lock.unlock();
    serve(batch);
    lock.lock();
  }
}

Batcher::Batch Batcher::take_batch() {
  Batch batch;
  const auto now = Clock::now();
  while (!waiting_.empty() && waiting_.front()->until < now) {
    waiting_.front()->answer.set_exception(std::make_exception_ptr(
        Refusal(503, "the request waited longer than " + std::to_string(options_.max_wait) +
                         " ms for its turn: the server has more to do than it can")));
    waiting_.pop_front();
  }
  if (waiting_.empty()) return batch;
  SharedPass pass(waiting_.front()->request, options_.max_vectors);
  batch.push_back(waiting_.front());
  waiting_.pop_front();
  std::erase_if(waiting_, [&](const auto& waiting) {
    const bool shares = pass.add(waiting->request);
    if (shares) batch.push_back(waiting);
    return shares;
  });
  return batch;
}

void Batcher::serve(const Batch& batch) const {
  if (batch.empty()) return;
  std::vector<TopKAnswer> answers;
  try {
    std::vector<const TopKRequest*> requests;
    for (const auto& waiting : batch) requests.push_back(&waiting->request);
    answers = top_k_pass(requests, static_cast<int>(options_.threads));
  } catch (...) {
    for (const auto& waiting : batch) waiting->answer.set_exception(std::current_exception());
    return;
  }
  for (std::size_t i = 0; i < batch.size(); ++i) batch[i]->answer.set_value(std::move(answers[i]));
}

}  // namespace server
