// A layer that Python's SampledSoftmax.save wrote, on the mapped file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <variant>

#include "manyclass/sampled_loss.hpp"
#include "mapped_file.hpp"

namespace server {

class SavedLayer {
 public:
  using Tables = std::variant<manyclass::OutputLayer<float>, manyclass::OutputLayer<double>>;

  /// Maps the file and checks all that it says; weights are not read through.
  ///
  /// Throws std::runtime_error that names the file and says what is wrong with it.
  explicit SavedLayer(const std::filesystem::path& path);

  /// Valid as long as the layer lives.
  const Tables& tables() const { return tables_; }
  std::int64_t num_classes() const;
  std::int64_t dim() const;
  /// "float32" or "float64".
  std::string dtype() const;

 private:
  MappedFile file_;
  Tables tables_;
};

}  // namespace server
