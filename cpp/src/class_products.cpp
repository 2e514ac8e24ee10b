#include "class_products.hpp"

#include <type_traits>

#include "row_formats.hpp"

namespace manyclass {

namespace {

template <class Format>
class ProductsOf final : public ClassProducts<typename Format::Value> {
  using T = typename Format::Value;
  using Row = typename Format::Row;
  using Element = typename Format::Element;
  using Copy = typename Format::Copy;
  using Base = ClassProducts<T>;

 public:
  ProductsOf(const RowsView<const Row>& rows, int num_threads, Scratch& scratch)
      : rows_(rows),
        dim_(rows.dim()),
        transposed_(scratch.take<Element>(Format::elements(dim_) * Base::most_lanes)),
        gathered_(scratch.take<Copy>(kernels::lane_multiple * Format::copied(dim_))) {
    if constexpr (Format::copies_rows) {
      copies_ = scratch.take<Copy>(num_threads * Base::block_classes * Format::copied(dim_));
    }
    if constexpr (Format::copies_inputs) {
      values_ = scratch.take<T>(Format::few_examples * dim_);
      rounded_ = scratch.take<Element>(Format::elements(dim_) * Base::most_lanes);
    }
  }

  void load(MatrixView<const T> examples) override {
    examples_ = examples;
    lanes_ = round_up(examples.rows, kernels::lane_multiple);
    if constexpr (has_few) {
      if (are_few()) {
        examples_ = Format::inputs(examples, values_);
        return;
      }
    }
    Format::load(examples, lanes_, rounded_, transposed_);
  }
  std::int64_t lanes() const override { return lanes_; }

  void multiply_run(std::int64_t position, std::int64_t count, int thread, const T* start,
                    T* logits) const override {
    const MatrixView<const Row> rows = rows_.run_at(position, count);
    Copy* copy = Format::copies_rows ? copies_ + thread * Base::block_classes * Format::copied(dim_)
                                     : nullptr;
    if constexpr (has_few) {
      if (are_few()) {
        multiply_one_by_one(Format::rows(rows, copy), start, logits, copy);
        return;
      }
    }
    Format::multiply(Format::operands(rows, copy), lanes_, transposed_, lanes_, start, logits,
                     lanes_);
  }

  void add_products_of(const std::int64_t* classes, const std::int64_t* first,
                       T* logits) const override {
    if constexpr (has_few) {
      if (are_few()) {
        add_one_by_one(classes, first, logits);
        return;
      }
    }
    add_in_tiles(classes, first, logits);
  }

 private:
  static constexpr bool has_few = Format::few_examples > 0;

  bool are_few() const { return examples_.rows <= Format::few_examples; }

  void multiply_one_by_one(const MatrixView<const Row>& rows, const T* start, T* logits,
                           Copy* copy) const {
    constexpr std::int64_t column = Base::block_classes;
    alignas(64) T columns[Format::few_examples * column];
    for (std::int64_t l = 0; l < examples_.rows; ++l) {
      std::copy_n(start, rows.rows, columns + l * column);
    }
    Format::add_products(rows, examples_, columns, column, copy);
    std::fill_n(logits, rows.rows * lanes_, T{0});
    for (std::int64_t l = 0; l < examples_.rows; ++l) {
      for (std::int64_t r = 0; r < rows.rows; ++r) logits[r * lanes_ + l] = columns[l * column + r];
    }
  }

  void add_one_by_one(const std::int64_t* classes, const std::int64_t* first, T* logits) const {
    for (std::int64_t l = 0; l < examples_.rows; ++l) {
      for (std::int64_t e = first[l] - first[0]; e < first[l + 1] - first[0]; ++e) {
        const MatrixView<const Row> row{rows_.row(classes[e]), 1, dim_, dim_};
        Format::add_products(Format::rows(row, gathered_), examples_.middle_rows(l, 1), logits + e,
                             1, gathered_);
      }
    }
  }

  void add_in_tiles(const std::int64_t* classes, const std::int64_t* first, T* logits) const {
    constexpr std::int64_t group = kernels::lane_multiple;
    const std::int64_t stride = Format::copied(dim_);
    const std::int64_t elements = Format::elements(dim_);
    alignas(64) T square[group * group];
    for (std::int64_t lane = 0; lane < examples_.rows; lane += group) {
      const std::int64_t end = first[std::min(lane + group, examples_.rows)] - first[0];
      std::int64_t owner = lane;
      for (std::int64_t e = first[lane] - first[0]; e < end; e += group) {
        const std::int64_t count = std::min(group, end - e);
        for (std::int64_t i = 0; i < count; ++i) {
          Format::copy_row(rows_.row(classes[e + i]), dim_, gathered_ + i * stride);
        }
        // One element of each row of this product: as many products too many, but the same sums in
        // the same order.
        Format::multiply({Format::gathered(gathered_), count, elements, elements}, group,
                         transposed_ + lane, lanes_, logits + e, square, group);
        for (std::int64_t i = 0; i < count; ++i) {
          while (e + i >= first[owner + 1] - first[0]) ++owner;
          logits[e + i] = square[i * group + (owner - lane)];
        }
      }
    }
  }

  const RowsView<const Row>& rows_;
  std::int64_t dim_;
  MatrixView<const T> examples_{};  // of few, as they are multiplied
  std::int64_t lanes_ = 0;
  Element* transposed_;         // [elements, lanes]; not of few examples
  Copy* gathered_;              // [lane_multiple, copied]
  Copy* copies_ = nullptr;      // [threads, block_classes, copied]
  T* values_ = nullptr;         // [few_examples, dim]
  Element* rounded_ = nullptr;  // [most_lanes, elements]
};

}  // namespace

template <class T, class W>
std::unique_ptr<ClassProducts<T>> make_class_products(const RowsView<const W>& rows,
                                                      ComputeDtype compute_dtype, int num_threads,
                                                      Scratch& scratch) {
  const auto make = [&]<class Format>() -> std::unique_ptr<ClassProducts<T>> {
    return std::make_unique<ProductsOf<Format>>(rows, num_threads, scratch);
  };
  constexpr bool is_stored = std::is_same_v<W, Bfloat16>;
  if constexpr (std::is_same_v<T, float>) {
    if (compute_dtype == ComputeDtype::bfloat16) {
      return make.template operator()<std::conditional_t<is_stored, StoredRows, RoundedRows>>();
    }
  }
  return make.template operator()<std::conditional_t<is_stored, WidenedRows, PlainRows<T>>>();
}

template std::unique_ptr<ClassProducts<float>> make_class_products(const RowsView<const float>&,
                                                                   ComputeDtype, int, Scratch&);
template std::unique_ptr<ClassProducts<float>> make_class_products(const RowsView<const Bfloat16>&,
                                                                   ComputeDtype, int, Scratch&);
template std::unique_ptr<ClassProducts<double>> make_class_products(const RowsView<const double>&,
                                                                    ComputeDtype, int, Scratch&);

}  // namespace manyclass
