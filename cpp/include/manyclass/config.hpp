// What was built and what was chosen at start.
#pragma once

#include <string>
#include <vector>

namespace manyclass {

struct Config {
  std::string version;
  std::string compiler;
  std::string target;                // the instruction set in use
  std::vector<std::string> targets;  // those that run here: best first, then by name only
};

/// Throws std::invalid_argument if MANYCLASS_TARGET names no instruction set that can run here.
Config config();

}  // namespace manyclass
