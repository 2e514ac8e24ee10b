// A request for the best classes and its answer: as JSON, and as numbers that fit the layer.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "options.hpp"
#include "saved_layer.hpp"

namespace server {

struct TopKRequest {
  std::shared_ptr<const SavedLayer> layer;  // that it was checked against, and that answers it
  std::int64_t k = 0;
  bool log_probabilities = false;
  bool one_vector = false;     // asked without the outer list, and so answered
  std::vector<double> inputs;  // row after row; each number is one that the layer's dtype holds
  std::vector<std::vector<std::int64_t>> excluded;  // for each row: ascending, each once

  std::int64_t rows() const { return static_cast<std::int64_t>(excluded.size()); }
};

struct TopKAnswer {
  // [rows, k], row after row; log_probabilities are empty if they were not asked for.
  std::vector<double> values;
  std::vector<std::int64_t> indices;
  std::vector<double> log_probabilities;
};

/// Reads {"inputs": [...] or [[...], ...], "k": 10, "excluded": [...] or [[...], ...],
/// "log_probabilities": false}, the last two optional. Throws Refusal, with status 400.
TopKRequest read_request(const std::string& body, std::shared_ptr<const SavedLayer> layer,
                         const Options& options);

/// {"indices": ..., "values": ...} and "log_probabilities" if asked for, in the form of the inputs.
std::string write_answer(const TopKRequest& request, const TopKAnswer& answer);

}  // namespace server
