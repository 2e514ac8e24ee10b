#include "graph_samplers.hpp"

#include <algorithm>
#include <mutex>
#include <random>
#include <shared_mutex>
#include <stdexcept>
#include <vector>

#include "manyclass/fork_safe_mutex.hpp"

namespace manyclass::bindings {

namespace {

struct Registry {
  ForkSafeMutex mutex;
  std::vector<Sampler*> samplers;  // by number
  std::int64_t process;

  Registry() {
    std::random_device random;
    const auto half = [&] { return static_cast<std::uint64_t>(random() & 0x7fffffffU); };
    process = static_cast<std::int64_t>(half() << 31 | half());
  }
};

// Never destroyed: threads of a framework may run graphs while the process ends.
Registry& registry() {
  static Registry& registry = *new Registry;
  return registry;
}

}  // namespace

GraphSampler number_of(Sampler& sampler) {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  const auto place = std::find(all.samplers.begin(), all.samplers.end(), &sampler);
  const std::int64_t number = place - all.samplers.begin();
  if (place == all.samplers.end()) all.samplers.push_back(&sampler);
  return {number, all.process};
}

Sampler& sampler_of(const GraphSampler& known_as) {
  Registry& all = registry();
  const std::shared_lock lock(all.mutex);
  if (known_as.process != all.process || known_as.number < 0 ||
      known_as.number >= std::ssize(all.samplers)) {
    throw std::invalid_argument(
        "this graph or compiled function draws candidates by a sampler of the process that made "
        "it; make it in this process, or one that is given candidates (sampled_values)");
  }
  return *all.samplers[static_cast<std::size_t>(known_as.number)];
}

}  // namespace manyclass::bindings
