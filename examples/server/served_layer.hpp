// The layer that answers, which another may replace at any moment.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <utility>

#include "saved_layer.hpp"

namespace server {

class ServedLayer {
 public:
  /// Throws as SavedLayer.
  explicit ServedLayer(std::filesystem::path path)
      : path_(std::move(path)), layer_(std::make_shared<const SavedLayer>(path_)) {}

  /// Requests that hold the old layer are answered by it; its file is unmapped after the last.
  std::shared_ptr<const SavedLayer> get() const { return layer_.load(); }

  /// Opens the file anew. Throws as SavedLayer; the old layer then stays. For one thread at a time.
  void reload() {
    layer_.store(std::make_shared<const SavedLayer>(path_));
    ++times_loaded_;
  }

  std::int64_t times_loaded() const { return times_loaded_; }

 private:
  std::filesystem::path path_;
  std::atomic<std::shared_ptr<const SavedLayer>> layer_;
  std::atomic<std::int64_t> times_loaded_ = 1;
};

}  // namespace server
