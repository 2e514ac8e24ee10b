// What each binding file adds to the module.
#pragma once

#include <pybind11/pybind11.h>

namespace manyclass::bindings {

void bind_accidental_hits(pybind11::module_& module);
void bind_alias_sampler(pybind11::module_& module);
void bind_config(pybind11::module_& module);
void bind_full_softmax(pybind11::module_& module);
void bind_full_softmax_gradient(pybind11::module_& module);
void bind_in_batch(pybind11::module_& module);
void bind_indexed_slices(pybind11::module_& module);
void bind_label_ranks(pybind11::module_& module);
void bind_learned_unigram_sampler(pybind11::module_& module);
void bind_mixture_sampler(pybind11::module_& module);
void bind_phase_times(pybind11::module_& module);
void bind_quantized_top_k(pybind11::module_& module);
void bind_reduced_loss(pybind11::module_& module);
void bind_row_optimizers(pybind11::module_& module);
void bind_sampled_loss(pybind11::module_& module);
void bind_samplers(pybind11::module_& module);
void bind_step_classes(pybind11::module_& module);
void bind_tensorflow(pybind11::module_& module);
void bind_threads(pybind11::module_& module);
void bind_top_k(pybind11::module_& module);
void bind_train_step(pybind11::module_& module);
void bind_vocabulary_file(pybind11::module_& module);
void bind_vocabulary_walk(pybind11::module_& module);
void bind_xla(pybind11::module_& module);

}  // namespace manyclass::bindings
