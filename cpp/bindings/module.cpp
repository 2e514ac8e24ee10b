#include "module.hpp"

// The module keeps no state that the GIL would have to guard.
PYBIND11_MODULE(_core, module, pybind11::mod_gil_not_used()) {
  using namespace manyclass::bindings;
  bind_config(module);
  bind_threads(module);
  bind_samplers(module);
  bind_alias_sampler(module);
  bind_learned_unigram_sampler(module);
  bind_vocabulary_file(module);
  bind_accidental_hits(module);
  bind_mixture_sampler(module);
  bind_in_batch(module);
  bind_vocabulary_walk(module);
  bind_indexed_slices(module);
  bind_step_classes(module);
  bind_sampled_loss(module);
  bind_full_softmax(module);
  bind_full_softmax_gradient(module);
  bind_label_ranks(module);
  bind_phase_times(module);
  bind_reduced_loss(module);
  bind_row_optimizers(module);
  bind_train_step(module);
  bind_top_k(module);
  bind_quantized_top_k(module);
  bind_tensorflow(module);
  bind_xla(module);
}
