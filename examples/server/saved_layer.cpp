#include "saved_layer.hpp"

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

#include "safetensors.hpp"

namespace server {

namespace {

using Json = nlohmann::json;
using manyclass::MatrixView;
using manyclass::OutputLayer;
using manyclass::PartitionStrategy;
using manyclass::RowsView;

constexpr const char* record_key = "manyclass.SampledSoftmax";
constexpr int record_version = 1;

template <class T>
constexpr const char* dtype_name = sizeof(T) == 4 ? "F32" : "F64";

// The layer's record: sizes and how classes are spread over shards.
struct Record {
  std::int64_t num_classes;
  std::int64_t dim;
  PartitionStrategy strategy;
};

Record read_record(const Safetensors& file) {
  const auto found = file.metadata.find(record_key);
  if (found == file.metadata.end()) {
    throw std::runtime_error(std::string("its metadata has no ") + record_key);
  }
  const Json record = Json::parse(found->second);
  const int version = record.at("version").get<int>();
  if (version != record_version) {
    throw std::runtime_error("it is a checkpoint of version " + std::to_string(version) +
                             "; this server reads " + std::to_string(record_version));
  }
  const Json& layer = record.at("layer");
  const auto strategy = layer.at("partition_strategy").get<std::string>();
  if (strategy != "div" && strategy != "mod") {
    throw std::runtime_error("its partition_strategy is " + strategy);
  }
  return {layer.at("num_classes").get<std::int64_t>(), layer.at("dim").get<std::int64_t>(),
          strategy == "div" ? PartitionStrategy::div : PartitionStrategy::mod};
}

// A tensor as rows of `cols` numbers.
template <class T>
MatrixView<const T> rows_of(const Tensor& tensor, const std::string& name, std::int64_t cols) {
  const bool one_a_row = tensor.shape.size() == 1 && cols == 1;
  if (!one_a_row && !(tensor.shape.size() == 2 && tensor.shape[1] == cols)) {
    throw std::runtime_error(name + " has not the shape of the layer");
  }
  if (tensor.dtype != dtype_name<T>) {
    throw std::runtime_error(name + " is " + tensor.dtype + ", not " + dtype_name<T>);
  }
  if (reinterpret_cast<std::uintptr_t>(tensor.bytes.data()) % alignof(T) != 0) {
    throw std::runtime_error(name + " does not lie at a multiple of its element's size");
  }
  return {reinterpret_cast<const T*>(tensor.bytes.data()), tensor.shape[0], cols, cols};
}

// A table: the tensor of that name, or shards "<name>.0", "<name>.1", ...
template <class T>
RowsView<const T> table_of(const Safetensors& file, const std::string& name, std::int64_t cols,
                           const Record& record) {
  std::vector<MatrixView<const T>> shards;
  if (const auto whole = file.tensors.find(name); whole != file.tensors.end()) {
    shards.push_back(rows_of<T>(whole->second, name, cols));
  }
  for (std::size_t p = 0; shards.size() == p; ++p) {
    const std::string shard = name + "." + std::to_string(p);
    const auto found = file.tensors.find(shard);
    if (found != file.tensors.end()) shards.push_back(rows_of<T>(found->second, shard, cols));
  }
  RowsView<const T> table(std::move(shards), record.strategy, name);
  if (table.num_rows() != record.num_classes) {
    throw std::runtime_error(name + " has " + std::to_string(table.num_rows()) + " rows for " +
                             std::to_string(record.num_classes) + " classes");
  }
  return table;
}

template <class T>
OutputLayer<T> layer_of(const Safetensors& file, const Record& record) {
  return {table_of<T>(file, "weights", record.dim, record), table_of<T>(file, "biases", 1, record)};
}

SavedLayer::Tables read_tables(const MappedFile& mapped) {
  const Safetensors file = read_safetensors(mapped.bytes());
  const Record record = read_record(file);
  if (record.num_classes < 1 || record.dim < 1) throw std::runtime_error("it has no classes");
  const auto first = file.tensors.lower_bound("weights");  // or its first shard
  if (first == file.tensors.end()) throw std::runtime_error("it has no weights");
  if (first->second.dtype == dtype_name<double>) return layer_of<double>(file, record);
  return layer_of<float>(file, record);
}

}  // namespace

SavedLayer::SavedLayer(const std::filesystem::path& path) try
    : file_(path), tables_(read_tables(file_)) {
} catch (const std::exception& error) {
  throw std::runtime_error(path.string() + " does not fit: " + error.what());
}

std::int64_t SavedLayer::num_classes() const {
  return std::visit([](const auto& layer) { return layer.weights.num_rows(); }, tables_);
}

std::int64_t SavedLayer::dim() const {
  return std::visit([](const auto& layer) { return layer.weights.dim(); }, tables_);
}

std::string SavedLayer::dtype() const { return tables_.index() == 0 ? "float32" : "float64"; }

}  // namespace server
