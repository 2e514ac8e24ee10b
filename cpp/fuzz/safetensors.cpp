// Files of any bytes as safetensors and as a saved layer: refused, or tensors that lie in them.
#include "safetensors.hpp"

#include <cstring>
#include <stdexcept>
#include <string>

#include "fuzz_input.hpp"
#include "memory_file.hpp"
#include "saved_layer.hpp"

namespace {

// Every number of the tables, which must all lie in the file.
template <class T>
void read_through(const manyclass::OutputLayer<T>& layer) {
  [[maybe_unused]] volatile T number;
  for (const auto& table : {layer.weights, layer.biases}) {
    for (std::int64_t c = 0; c < table.num_rows(); ++c) {
      for (std::int64_t j = 0; j < table.dim(); ++j) number = table.row(c)[j];
    }
  }
}

void check_tensors(std::span<const std::byte> file) {
  for (const auto& [name, tensor] : server::read_safetensors(file).tensors) {
    fuzz::require(tensor.bytes.empty() ||
                      (tensor.bytes.data() >= file.data() &&
                       tensor.bytes.data() + tensor.bytes.size() <= file.data() + file.size()),
                  "a tensor in the file");
    std::uint64_t size = tensor.bytes.size();
    for (const std::int64_t extent : tensor.shape) {
      fuzz::require(extent >= 0, "an extent");
      if (extent != 0 && size != 0) size /= static_cast<std::uint64_t>(extent);
    }
    fuzz::require(tensor.bytes.empty() || (size >= 1 && size <= 8), "bytes of the shape");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    check_tensors({reinterpret_cast<const std::byte*>(data), size});
    const fuzz::MemoryFile file(data, size);
    const server::SavedLayer layer(file.path());
    fuzz::require(layer.num_classes() >= 1 && layer.dim() >= 1, "a layer with classes");
    std::visit([](const auto& tables) { read_through(tables); }, layer.tables());
  } catch (const std::runtime_error&) {
  }
  return 0;
}
