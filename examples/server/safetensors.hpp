// The safetensors format (https://huggingface.co/docs/safetensors): the length of a JSON header, 8
// bytes little endian; the header, which says each tensor's dtype, shape and place; the tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace server {

struct Tensor {
  std::string dtype;  // as the format writes it: "F32", "F64", ...
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
};

struct Safetensors {
  std::map<std::string, Tensor> tensors;
  std::map<std::string, std::string> metadata;
};

/// The tensors of a file of the format, which they point into; nothing of them is read. Every
/// number of the header is checked against the size of the file.
///
/// Throws std::runtime_error, saying what is wrong, if the file is none or is not whole.
Safetensors read_safetensors(std::span<const std::byte> file);

}  // namespace server
