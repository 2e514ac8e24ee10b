// What the bindings of samplers share: seeds, places in the stream, copies of results.
#pragma once

#include <pybind11/stl.h>

#include <algorithm>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "manyclass/samplers.hpp"
#include "numpy_view.hpp"
#include "stream_place.hpp"

namespace manyclass::bindings {

using SeedPair = std::pair<std::uint64_t, std::uint64_t>;

inline Seed seed_of(SeedPair pair) { return {pair.first, pair.second}; }
inline std::optional<Seed> seed_of(std::optional<SeedPair> pair) {
  if (!pair) return {};
  return seed_of(*pair);
}

inline Place stream_of(const Sampler& sampler) { return place_of(sampler.stream()); }
inline void set_stream(Sampler& sampler, Place place) { sampler.set_stream(stream_at(place)); }

template <class T>
py::array_t<T> copy_of(std::span<const T> values, std::vector<py::ssize_t> shape) {
  auto result = new_array<T>(std::move(shape));
  std::copy(values.begin(), values.end(), result.mutable_data());
  return result;
}
template <class T>
py::array_t<T> copy_of(std::span<const T> values) {
  return copy_of(values, {static_cast<py::ssize_t>(values.size())});
}

/// How a sampler is pickled and copied: what it is made of, as `table(sampler)` gives it and
/// `make(table)` takes it, and its place in the stream.
template <class Made, class Table, class Make>
auto pickled(Table table, Make make) {
  using Held = decltype(table(std::declval<const Made&>()));
  return py::pickle(
      [table](const Made& sampler) {
        return py::make_tuple(table(sampler), py::cast(stream_of(sampler)));
      },
      [make](const py::tuple& state) {
        if (state.size() != 2) throw py::value_error("this is not the state of a sampler");
        std::unique_ptr<Made> sampler = make(state[0].cast<Held>());
        set_stream(*sampler, state[1].cast<Place>());
        return sampler;
      });
}

}  // namespace manyclass::bindings
