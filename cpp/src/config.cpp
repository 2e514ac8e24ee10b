#include "manyclass/config.hpp"

#include "kernels/targets.hpp"

namespace manyclass {

Config config() {
  Config result{MANYCLASS_VERSION, MANYCLASS_COMPILER, kernels::chosen_target().name, {}};
  for (const kernels::Target& target : kernels::compiled_targets()) {
    if (target.supported()) result.targets.emplace_back(target.name);
  }
  return result;
}

}  // namespace manyclass
