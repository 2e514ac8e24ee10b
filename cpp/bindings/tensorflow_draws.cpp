// Operations of TensorFlow's graphs that draw candidates, or find the classes of a step.
#include <algorithm>
#include <utility>

#include "graph_samplers.hpp"
#include "manyclass/candidates.hpp"
#include "manyclass/step_classes.hpp"
#include "tensorflow_kernel.hpp"
#include "tensorflow_operations.hpp"

namespace manyclass::bindings::tensorflow {

namespace {

using Labels = MatrixView<const std::int64_t>;

constexpr const char* shape_of_labels = "shape [batch, num_true]";

template <class T>
void copy_to(Run& run, int index, const std::vector<T>& values, const ArrayShape& shape) {
  std::copy(values.begin(), values.end(), run.output<T>(index, shape));
}

Sampler& read_sampler(const Attributes& attributes) {
  return sampler_of({attributes.integer("sampler"), attributes.integer("process")});
}

// Classes, and the places of labels and candidates among them.
void put_step_classes(Run& run, Labels labels, VectorView<const std::int64_t> candidates) {
  const MatrixView<std::int64_t> label_places{
      run.output<std::int64_t>(1, {labels.rows, labels.cols}), labels.rows, labels.cols,
      labels.cols};
  const VectorView<std::int64_t> candidate_places{run.output<std::int64_t>(2, {candidates.size}),
                                                  candidates.size};
  auto classes = find_step_classes(labels, candidates, label_places, candidate_places);
  const std::int64_t size = classes.size();
  run.set_output(0, std::move(classes), {size});
}

// The candidates of a step, and what `GivenStep` finds. It waits for inputs, so that nothing is
// drawn for labels of another batch.
class DrawnStep {
 public:
  static Operation operation() {
    return {"ManyclassDrawnStep",
            {"sampler: int", "process: int", "num_sampled: int", "T: {float, double}"},
            {"labels: int64", "inputs: T"},
            {"classes: int64", "label_places: int64", "candidate_places: int64",
             "true_expected_count: float", "sampled_expected_count: float"},
            true};
  }

  explicit DrawnStep(const Attributes& attributes)
      : sampler_(read_sampler(attributes)), num_sampled_(attributes.integer("num_sampled")) {}

  void compute(Run& run) const {
    const auto labels = matrix_of<std::int64_t>(run.input(0), "labels", shape_of_labels);
    const DenseArray inputs = run.input(1);
    check_rank(inputs, 2, "inputs", "shape [batch, dim]");
    check_batch(labels, inputs.shape[0]);
    TentativeSample sample({sampler_, num_sampled_}, labels, "labels");
    const SampledValues& values = sample.values();
    put_step_classes(run, labels, {values.sampled_candidates.data(), num_sampled_});
    copy_to(run, 3, values.true_expected_count, {labels.rows, labels.cols});
    copy_to(run, 4, values.sampled_expected_count, {num_sampled_});
    sample.keep();
  }

 private:
  Sampler& sampler_;
  std::int64_t num_sampled_;
};

class GivenStep {
 public:
  static Operation operation() {
    return {"ManyclassGivenStep",
            {},
            {"labels: int64", "sampled_candidates: int64"},
            {"classes: int64", "label_places: int64", "candidate_places: int64"}};
  }

  explicit GivenStep(const Attributes&) {}

  void compute(Run& run) const {
    put_step_classes(run, matrix_of<std::int64_t>(run.input(0), "labels", shape_of_labels),
                     vector_of<std::int64_t>(run.input(1), "sampled_candidates"));
  }
};

Operation sample_operation(const char* name, std::vector<const char*> attributes,
                           bool is_stateful) {
  return {
      name,
      std::move(attributes),
      {"true_classes: int64"},
      {"sampled_candidates: int64", "true_expected_count: float", "sampled_expected_count: float"},
      is_stateful};
}

void put_sample(Run& run, Labels labels, const SampledValues& values) {
  const std::int64_t num_sampled = std::ssize(values.sampled_candidates);
  copy_to(run, 0, values.sampled_candidates, {num_sampled});
  copy_to(run, 1, values.true_expected_count, {labels.rows, labels.cols});
  copy_to(run, 2, values.sampled_expected_count, {num_sampled});
}

class Sample {
 public:
  static Operation operation() {
    return sample_operation("ManyclassSample",
                            {"sampler: int", "process: int", "num_sampled: int", "unique: bool"},
                            true);
  }

  explicit Sample(const Attributes& attributes)
      : sampler_(read_sampler(attributes)),
        num_sampled_(attributes.integer("num_sampled")),
        unique_(attributes.flag("unique")) {}

  void compute(Run& run) const {
    const auto labels = matrix_of<std::int64_t>(run.input(0), "true_classes", shape_of_labels);
    TentativeSample sample({sampler_, num_sampled_, {}, unique_}, labels);
    put_sample(run, labels, sample.values());
    sample.keep();
  }

 private:
  Sampler& sampler_;
  std::int64_t num_sampled_;
  bool unique_;
};

class AllCandidates {
 public:
  static Operation operation() {
    return sample_operation("ManyclassAllCandidates", {"num_sampled: int"}, false);
  }

  explicit AllCandidates(const Attributes& attributes)
      : num_sampled_(attributes.integer("num_sampled")) {}

  void compute(Run& run) const {
    const auto labels = matrix_of<std::int64_t>(run.input(0), "true_classes", shape_of_labels);
    put_sample(run, labels, all_candidates(labels, num_sampled_));
  }

 private:
  std::int64_t num_sampled_;
};

}  // namespace

void register_draws() {
  register_kernel<DrawnStep>();
  register_kernel<GivenStep>();
  register_kernel<Sample>();
  register_kernel<AllCandidates>();
}

}  // namespace manyclass::bindings::tensorflow
