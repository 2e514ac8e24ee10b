// Vocabulary files of any bytes: refused, or as many weights as lines, each what strtof reads.
#include "manyclass/vocabulary_file.hpp"

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz_input.hpp"
#include "memory_file.hpp"

namespace {

std::vector<float> weights_of(std::string_view text) {
  std::vector<float> weights;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.empty() || line == "\r") continue;
    const std::string field(line.substr(line.rfind(',') + 1));
    weights.push_back(std::strtof(field.c_str(), nullptr));
  }
  return weights;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::MemoryFile file(data, size);
  std::vector<float> weights;
  if (fuzz::refused([&] { weights = manyclass::read_vocabulary_file(file.path()); })) return 0;
  for (const float weight : weights) {
    fuzz::require(weight >= 0.0F && std::isfinite(weight), "a weight");
  }
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  fuzz::require(weights == weights_of(text), "the weights that strtof reads");
  return 0;
}
