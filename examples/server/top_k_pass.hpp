// One pass over the classes for several requests.
#pragma once

#include <span>
#include <vector>

#include "top_k_request.hpp"

namespace server {

/// Answers requests of one layer, all with or all without log probabilities, in their order. The
/// largest k among them must leave no request without classes: k + excluded <= num_classes for
/// every pair of them.
std::vector<TopKAnswer> top_k_pass(std::span<const TopKRequest* const> requests, int num_threads);

}  // namespace server
