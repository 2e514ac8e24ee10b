#include "safetensors.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

namespace server {

namespace {

using Json = nlohmann::json;
using namespace std::string_literals;

constexpr std::uint64_t length_bytes = 8;
constexpr std::size_t longest_quote = 200;  // of what the JSON parser says
constexpr std::uint64_t most_header_bytes = std::uint64_t{1} << 24;

void require(bool condition, const std::string& reason) {
  if (!condition) throw std::runtime_error(reason);
}

std::uint64_t whole_number(const Json& number, const std::string& name) {
  require(number.is_number_unsigned(), name + " has a place or a shape of no whole numbers");
  return number.get<std::uint64_t>();
}

// Bits of an element, 0 if the dtype is unknown: it may be one of a later version of the format.
std::uint64_t bits_of(const std::string& dtype) {
  static const std::map<std::string, std::uint64_t> bits = {
      {"F64", 64}, {"I64", 64},  {"U64", 64}, {"F32", 32}, {"I32", 32}, {"U32", 32}, {"F16", 16},
      {"I16", 16}, {"BF16", 16}, {"U16", 16}, {"I8", 8},   {"U8", 8},   {"BOOL", 8}};
  const auto found = bits.find(dtype);
  return found == bits.end() ? 0 : found->second;
}

Tensor read_tensor(const std::string& name, const Json& entry, std::span<const std::byte> data) {
  Tensor tensor{entry.at("dtype").get<std::string>(), {}, {}};
  const std::uint64_t bits = bits_of(tensor.dtype);
  require(bits != 0, name + " has the unknown dtype " + tensor.dtype);

  std::uint64_t size = bits / 8;
  for (const Json& extent : entry.at("shape")) {
    const std::uint64_t number = whole_number(extent, name);
    require(!__builtin_mul_overflow(size, number, &size) && std::in_range<std::int64_t>(number),
            name + " has a shape beyond all memory");
    tensor.shape.push_back(static_cast<std::int64_t>(number));
  }
  const Json& offsets = entry.at("data_offsets");
  require(offsets.is_array() && offsets.size() == 2, name + " has no two data_offsets");
  const std::uint64_t begin = whole_number(offsets[0], name);
  const std::uint64_t end = whole_number(offsets[1], name);
  require(begin <= end && end <= data.size(), name + " has data_offsets " + offsets.dump() +
                                                  ", the file has " + std::to_string(data.size()) +
                                                  " bytes of data: it is not whole");
  require(end - begin == size, name + " has " + std::to_string(end - begin) +
                                   " bytes, its shape wants " + std::to_string(size));
  tensor.bytes = data.subspan(begin, size);
  return tensor;
}

}  // namespace

Safetensors read_safetensors(std::span<const std::byte> file) {
  static_assert(std::endian::native == std::endian::little, "the format is little endian");
  require(file.size() > length_bytes,
          "it has "s + std::to_string(file.size()) + " bytes: no safetensors file, or not whole");
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), length_bytes);
  require(length <= most_header_bytes && length <= file.size() - length_bytes,
          "it says that its header has " + std::to_string(length) +
              " bytes: no safetensors file, or not whole");
  const auto text = file.subspan(length_bytes, length);
  const auto data = file.subspan(length_bytes + length);

  Safetensors result;
  std::size_t end = 0;
  try {
    const auto* const begin = reinterpret_cast<const char*>(text.data());
    const Json header = Json::parse(begin, begin + text.size());
    require(header.is_object(), "its header is no JSON object");
    for (const auto& [name, entry] : header.items()) {
      if (name == "__metadata__") {
        result.metadata = entry.get<std::map<std::string, std::string>>();
        continue;
      }
      const Tensor tensor = read_tensor(name, entry, data);
      const auto stop = static_cast<std::size_t>(tensor.bytes.data() - data.data());
      end = std::max(end, stop + tensor.bytes.size());
      result.tensors.emplace(name, tensor);
    }
  } catch (const Json::exception& error) {
    throw std::runtime_error("it has no header of a safetensors file: " +
                             std::string(error.what()).substr(0, longest_quote));
  }
  require(end == data.size(), "it has " + std::to_string(data.size()) +
                                  " bytes of data, its header wants " + std::to_string(end) +
                                  ": it is not whole");
  return result;
}

}  // namespace server
