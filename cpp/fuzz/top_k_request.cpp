// Requests of any bytes: refused with status 400, or answered by classes that are allowed.
#include "top_k_request.hpp"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>

#include "fuzz_input.hpp"
#include "manyclass/threads.hpp"
#include "memory_file.hpp"
#include "refusal.hpp"
#include "top_k_pass.hpp"

namespace {

constexpr std::int64_t num_classes = 12;
constexpr std::int64_t dim = 2;

// A checkpoint, as Python's SampledSoftmax.save writes it.
template <class T>
std::shared_ptr<const server::SavedLayer> make_layer(const std::string& dtype) {
  const auto tensor = [&](std::int64_t begin, nlohmann::json shape, std::int64_t size) {
    const auto width = static_cast<std::int64_t>(sizeof(T));
    return nlohmann::json{
        {"dtype", dtype}, {"shape", shape}, {"data_offsets", {begin, begin + size * width}}};
  };
  const nlohmann::json record = {
      {"version", 1},
      {"layer", {{"num_classes", num_classes}, {"dim", dim}, {"partition_strategy", "div"}}}};
  const auto weights_bytes = num_classes * dim * static_cast<std::int64_t>(sizeof(T));
  const nlohmann::json header = {{"__metadata__", {{"manyclass.SampledSoftmax", record.dump()}}},
                                 {"weights", tensor(0, {num_classes, dim}, num_classes * dim)},
                                 {"biases", tensor(weights_bytes, {num_classes}, num_classes)}};
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::vector<std::uint8_t> bytes(8);
  const std::uint64_t length = text.size();
  std::memcpy(bytes.data(), &length, 8);
  bytes.insert(bytes.end(), text.begin(), text.end());
  for (std::int64_t i = 0; i < num_classes * (dim + 1); ++i) {
    const T value = static_cast<T>(i % 7) / T{8};
    const auto* begin = reinterpret_cast<const std::uint8_t*>(&value);
    bytes.insert(bytes.end(), begin, begin + sizeof(T));
  }
  const fuzz::MemoryFile file(bytes.data(), bytes.size());
  return std::make_shared<const server::SavedLayer>(file.path());
}

void check_answer(const server::TopKRequest& request, const server::TopKAnswer& answer) {
  const auto size = static_cast<std::size_t>(request.rows() * request.k);
  fuzz::require(answer.indices.size() == size && answer.values.size() == size, "k classes a row");
  for (std::size_t i = 0; i < size; ++i) {
    const std::int64_t id = answer.indices[i];
    fuzz::require(id >= 0 && id < num_classes, "a class");
    const auto& excluded = request.excluded[i / static_cast<std::size_t>(request.k)];
    fuzz::require(!std::binary_search(excluded.begin(), excluded.end(), id), "a class allowed");
  }
  const auto json = nlohmann::json::parse(server::write_answer(request, answer));
  fuzz::require(json.at("indices").size() ==
                    static_cast<std::size_t>(request.one_vector ? request.k : request.rows()),
                "an answer in the form of the request");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto narrow = make_layer<float>("F32");
  static const auto wide = make_layer<double>("F64");
  manyclass::set_num_threads(1);
  server::Options options;
  options.max_vectors = 4;
  options.max_k = 10;
  const bool is_wide = size != 0 && data[0] == ' ';  // which JSON may begin with
  const std::string body(reinterpret_cast<const char*>(data), size);
  try {
    const auto request = server::read_request(body, is_wide ? wide : narrow, options);
    fuzz::require(request.rows() >= 1 && request.rows() <= options.max_vectors, "so many vectors");
    fuzz::require(request.k >= 1 && request.k <= options.max_k, "a k that is given");
    const server::TopKRequest* const requests[] = {&request};
    check_answer(request, server::top_k_pass(requests, 1).front());
  } catch (const server::Refusal& refusal) {
    fuzz::require(refusal.status == 400, "the status of a bad request");
    fuzz::require(std::strlen(refusal.what()) < 1000, "a short reason");
  }
  return 0;
}
