// Samplers that graphs draw from, by numbers: a graph takes no objects.
#pragma once

#include <cstdint>

#include "manyclass/samplers.hpp"

namespace manyclass::bindings {

/// What stands for a sampler in a graph: its number, and who gave it.
struct GraphSampler {
  std::int64_t number;
  std::int64_t process;
};

/// Gives a sampler a number, the same one each time. It must live as long as the process, for
/// nobody tells when the last graph that draws from it is gone. Safe from many threads at once.
GraphSampler number_of(Sampler& sampler);

/// Throws std::invalid_argument if another process gave the number, or none did.
Sampler& sampler_of(const GraphSampler& known_as);

}  // namespace manyclass::bindings
