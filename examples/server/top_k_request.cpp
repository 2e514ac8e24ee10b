#include "top_k_request.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "refusal.hpp"

namespace server {

namespace {

using Json = nlohmann::json;

template <class... Parts>
void require(bool condition, const Parts&... parts) {
  if (condition) return;
  std::ostringstream reason;
  (reason << ... << parts);
  throw Refusal(400, reason.str());
}

constexpr int most_depth = 4;
constexpr std::size_t longest_quote = 200;  // of what a parser says, which may be all of the body

// Deeper values than those that are asked for could exhaust the stack of who walks over them.
Json parse(const std::string& body) {
  const auto check_depth = [](int depth, Json::parse_event_t, const Json&) {
    require(depth <= most_depth, "the body is nested more than ", most_depth, " deep");
    return true;
  };
  try {
    return Json::parse(body, check_depth);
  } catch (const Json::exception& error) {
    throw Refusal(400,
                  "the body is no JSON: " + std::string(error.what()).substr(0, longest_quote));
  }
}

// A part of the body in a message, short.
std::string shown(const Json& json) {
  constexpr std::size_t most = 40;
  const std::string text = json.dump(-1, ' ', true, Json::error_handler_t::replace);
  return text.size() <= most ? text : text.substr(0, most) + "...";
}

void check_keys(const Json& body) {
  require(body.is_object(), "the body is ", shown(body), "; it must be an object");
  for (const auto& [key, value] : body.items()) {
    require(key == "inputs" || key == "k" || key == "excluded" || key == "log_probabilities",
            "the body has the unknown key ", shown(key));
  }
  require(body.contains("inputs"), "the body lacks inputs");
  require(body.contains("k"), "the body lacks k");
}

void read_row(const Json& row, std::size_t i, const SavedLayer& layer, std::vector<double>& out) {
  require(row.is_array(), "inputs[", i, "] is ", shown(row), "; it must be a list of numbers");
  require(std::cmp_equal(row.size(), layer.dim()), "inputs[", i, "] has ", row.size(),
          " numbers; the layer wants ", layer.dim());
  const bool narrow = layer.dtype() == "float32";
  for (std::size_t j = 0; j < row.size(); ++j) {
    require(row[j].is_number(), "inputs[", i, "][", j, "] is ", shown(row[j]),
            "; it must be a number");
    const auto number = row[j].get<double>();
    require(!narrow || std::isfinite(static_cast<float>(number)), "inputs[", i, "][", j, "] is ",
            shown(row[j]), ", beyond ", layer.dtype());
    out.push_back(number);
  }
}

std::int64_t read_k(const Json& k, const SavedLayer& layer, const Options& options) {
  const std::int64_t most = std::min(options.max_k, layer.num_classes());
  require(
      k.is_number_unsigned() && k > 0 && k.get<std::uint64_t>() <= static_cast<std::uint64_t>(most),
      "k is ", shown(k), "; it must be a whole number from 1 to ", most,
      most == layer.num_classes() ? ", the number of classes" : ", the most this server gives");
  return k.get<std::int64_t>();
}

std::vector<std::int64_t> read_excluded(const Json& classes, std::size_t i, std::int64_t k,
                                        std::int64_t num_classes) {
  require(classes.is_array(), "excluded[", i, "] is ", shown(classes),
          "; it must be a list of classes");
  std::vector<std::int64_t> ids;
  for (const Json& id : classes) {
    require(id.is_number_unsigned() && std::cmp_less(id.get<std::uint64_t>(), num_classes),
            "excluded[", i, "] has ", shown(id), ", which is no class from 0 to ", num_classes - 1);
    ids.push_back(id.get<std::int64_t>());
  }
  std::ranges::sort(ids);
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  const std::int64_t left = num_classes - static_cast<std::int64_t>(ids.size());
  require(k <= left, "k is ", k, "; excluded[", i, "] leaves ", left, " classes");
  return ids;
}

template <class T>
Json in_rows(const std::vector<T>& numbers, const TopKRequest& request) {
  if (request.one_vector) return numbers;
  Json rows = Json::array();
  for (auto row = numbers.begin(); row != numbers.end(); row += request.k) {
    rows.push_back(std::vector<T>(row, row + request.k));
  }
  return rows;
}

}  // namespace

TopKRequest read_request(const std::string& body, std::shared_ptr<const SavedLayer> layer,
                         const Options& options) {
  Json json = parse(body);
  check_keys(json);
  TopKRequest request;
  Json& inputs = json["inputs"];
  require(inputs.is_array() && !inputs.empty(), "inputs is ", shown(inputs),
          "; it must be a list of numbers, or of such lists");
  request.one_vector = inputs[0].is_number();
  const bool some_excluded = json.contains("excluded");
  if (request.one_vector) {
    inputs = Json::array({std::move(inputs)});
    if (some_excluded) json["excluded"] = Json::array({std::move(json["excluded"])});
  }
  require(std::cmp_less_equal(inputs.size(), options.max_vectors), "inputs has ", inputs.size(),
          " vectors; this server takes at most ", options.max_vectors);
  for (std::size_t i = 0; i < inputs.size(); ++i) read_row(inputs[i], i, *layer, request.inputs);

  request.k = read_k(json["k"], *layer, options);
  request.excluded.resize(inputs.size());
  if (some_excluded) {
    const Json& excluded = json["excluded"];
    require(excluded.is_array() && excluded.size() == inputs.size(), "excluded is ",
            shown(excluded), "; it must have a list for each of the ", inputs.size(), " vectors");
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      request.excluded[i] = read_excluded(excluded[i], i, request.k, layer->num_classes());
    }
  }
  const Json wanted = json.value("log_probabilities", Json(false));
  require(wanted.is_boolean(), "log_probabilities is ", shown(wanted),
          "; it must be true or false");
  request.log_probabilities = wanted.get<bool>();
  request.layer = std::move(layer);
  return request;
}

std::string write_answer(const TopKRequest& request, const TopKAnswer& answer) {
  Json json = {{"indices", in_rows(answer.indices, request)},
               {"values", in_rows(answer.values, request)}};
  if (request.log_probabilities) {
    json["log_probabilities"] = in_rows(answer.log_probabilities, request);
  }
  return json.dump();
}

}  // namespace server
