from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypedDict, overload

import numpy as np
from numpy.typing import NDArray

__version__: str

Array: TypeAlias = NDArray[Any]
Ids: TypeAlias = NDArray[np.int64]
Table: TypeAlias = Array | list[Array]
Seed: TypeAlias = tuple[int, int]
Targets: TypeAlias = tuple[Array, Array | None, Array | None, float]
Candidates: TypeAlias = (
    tuple[Array, Array, Array] | tuple[Sampler, int, Seed | None] | DrawnCandidates
)
Slices: TypeAlias = list[tuple[Array, Ids]]
Update: TypeAlias = tuple[Array, list[Array], Array, Array, str]

class CoreConfig(TypedDict):
    version: str
    compiler: str
    target: str
    targets: list[str]

class DrawnCandidates: ...

class Sampler:
    @property
    def num_classes(self) -> int: ...
    def sample(
        self, true_classes: Array, num_sampled: int, unique: bool, seed: Seed | None, float64: bool
    ) -> tuple[Ids, Array, Array]: ...
    def draw(self, size: int, seed: Seed | None) -> Ids: ...
    def probability(self, ids: Array) -> NDArray[np.float64]: ...
    def stream(self) -> tuple[int, int, int]: ...
    def set_stream(self, place: tuple[int, int, int]) -> None: ...

class UniformSampler(Sampler):
    def __init__(self, num_classes: int, seed: Seed) -> None: ...

class LogUniformSampler(Sampler):
    def __init__(self, num_classes: int, seed: Seed) -> None: ...

class UnigramSampler(Sampler):
    def __init__(
        self,
        counts: Array,
        name: str,
        distortion: float,
        num_reserved_ids: int,
        num_shards: int,
        shard: int,
        seed: Seed,
    ) -> None: ...
    def weights(self) -> NDArray[np.float32]: ...

class LearnedUnigramSampler(Sampler):
    def __init__(self, num_classes: int, seed: Seed) -> None: ...
    def weights(self) -> NDArray[np.int32]: ...
    def set_weights(self, weights: Array) -> None: ...

class AliasSampler(Sampler):
    def __init__(self, weights: Array, seed: Seed) -> None: ...
    def weights(self) -> NDArray[np.float64]: ...
    def set_weights(self, weights: Array) -> None: ...
    def update(self, ids: Array, weights: Array) -> None: ...

def all_candidates(
    true_classes: Array, num_sampled: int, float64: bool
) -> tuple[Ids, Array, Array]: ...
def unigram_sampler_of_file(
    path: bytes,
    distortion: float,
    num_reserved_ids: int,
    num_shards: int,
    shard: int,
    seed: Seed,
) -> UnigramSampler: ...
def compute_accidental_hits(
    true_classes: Array, sampled_candidates: Array
) -> tuple[NDArray[np.int32], Ids, NDArray[np.float32]]: ...

class MixtureSampler(Sampler):
    def __init__(self, parts: list[tuple[Sampler, float]], seed: Seed) -> None: ...
    @property
    def shares(self) -> list[float]: ...

class StreamingFrequencies:
    @overload
    def __init__(self, num_classes: int, half_life: float) -> None: ...
    @overload
    def __init__(self, counts: Array, half_life: float, name: str) -> None: ...
    @property
    def num_classes(self) -> int: ...
    @property
    def half_life(self) -> float: ...
    @property
    def num_labels(self) -> int: ...
    def update(self, labels: Array) -> None: ...
    def probability(self, ids: Array) -> NDArray[np.float64]: ...
    def state(self) -> tuple[NDArray[np.float64], Ids, float, int]: ...
    def set_state(self, counts: Array, seen_at: Array, total: float, num_labels: int) -> None: ...

class VocabularyWalk:
    def __init__(self, num_classes: int, max_candidates: int) -> None: ...
    def take(self, labels: Array, first_row: int) -> int: ...
    def finish(self) -> Ids: ...

def check_candidates(labels: Array, candidates: Array) -> None: ...
def in_batch_candidates(
    true_classes: Array, frequencies: StreamingFrequencies, update: bool
) -> tuple[Ids, NDArray[np.float32], NDArray[np.float32]]: ...
def config() -> CoreConfig: ...
def set_num_threads(num_threads: int) -> None: ...
def get_num_threads() -> int: ...
def record_phases(on: bool) -> None: ...
def phase_seconds() -> dict[str, float]: ...
def sum_rows(indices: Array, values: Array, num_rows: int, num_threads: int) -> Slices: ...
def step_classes(labels: Array, sampled_candidates: Array) -> tuple[Ids, Ids, Ids]: ...
def sampled_softmax_loss(
    weights: Table,
    biases: Table,
    targets: Targets,
    inputs: Array,
    candidates: Candidates,
    remove_accidental_hits: bool,
    mask_repeats: bool,
    log_q_correction: str,
    partition_strategy: str,
    num_threads: int,
    compute_dtype: str | None = None,
) -> Array: ...
def sampled_softmax_loss_and_grad(
    weights: Table,
    biases: Table,
    targets: Targets,
    inputs: Array,
    candidates: Candidates,
    remove_accidental_hits: bool,
    mask_repeats: bool,
    log_q_correction: str,
    partition_strategy: str,
    num_threads: int,
    grad_loss: Array | None,
    compute_dtype: str | None = None,
) -> tuple[Array, Slices, Slices, Array, DrawnCandidates | None]: ...
def nce_loss(
    weights: Table,
    biases: Table,
    targets: Targets,
    inputs: Array,
    candidates: Candidates,
    remove_accidental_hits: bool,
    mask_repeats: bool,
    log_q_correction: str,
    partition_strategy: str,
    num_threads: int,
    compute_dtype: str | None = None,
) -> Array: ...
def nce_loss_and_grad(
    weights: Table,
    biases: Table,
    targets: Targets,
    inputs: Array,
    candidates: Candidates,
    remove_accidental_hits: bool,
    mask_repeats: bool,
    log_q_correction: str,
    partition_strategy: str,
    num_threads: int,
    grad_loss: Array | None,
    compute_dtype: str | None = None,
) -> tuple[Array, Slices, Slices, Array, DrawnCandidates | None]: ...
def check_full_softmax(
    weights: Table,
    biases: Table,
    targets: Targets,
    inputs: Array,
    partition_strategy: str,
    compute_dtype: str | None = None,
) -> None: ...
def full_softmax_loss(
    weights: Table,
    biases: Table,
    targets: Targets,
    inputs: Array,
    partition_strategy: str,
    num_threads: int,
    compute_dtype: str | None = None,
) -> Array: ...
def full_softmax_loss_and_grad(
    weights: Table,
    biases: Table,
    targets: Targets,
    inputs: Array,
    partition_strategy: str,
    num_threads: int,
    grad_loss: Array | None,
    out: tuple[Table, Table, Array] | None,
) -> tuple[Array, Table, Table, Array]: ...

class RowBlocks:
    def next(self, most_rows: int) -> tuple[int, int, Array, Array] | None: ...
    @property
    def is_complete(self) -> bool: ...
    @property
    def loss(self) -> Array: ...
    @property
    def grad_inputs(self) -> Array: ...

def full_softmax_row_blocks(
    weights: Table,
    biases: Table,
    targets: Targets,
    inputs: Array,
    partition_strategy: str,
    num_threads: int,
    grad_loss: Array | None,
) -> RowBlocks: ...
def total_loss(loss: Array) -> Array: ...
def mean_loss(loss: Array) -> Array: ...
def label_ranks(
    weights: Table,
    biases: Table,
    targets: Targets,
    inputs: Array,
    partition_strategy: str,
    num_threads: int,
    compute_dtype: str | None = None,
) -> Ids: ...
def full_softmax_loss_and_ranks(
    weights: Table,
    biases: Table,
    targets: Targets,
    inputs: Array,
    partition_strategy: str,
    num_threads: int,
    compute_dtype: str | None = None,
) -> tuple[Array, Ids]: ...
def top_k(
    weights: Table,
    biases: Table,
    inputs: Array,
    k: int,
    excluded: tuple[Ids, Ids | None] | None,
    log_probabilities: bool,
    partition_strategy: str,
    num_threads: int,
    compute_dtype: str | None = None,
) -> tuple[Array, Ids]: ...

class QuantizedRows:
    def __init__(self, layer: tuple[Table, Table, str], num_threads: int) -> None: ...
    @property
    def num_rows(self) -> int: ...
    @property
    def dim(self) -> int: ...
    @property
    def nbytes(self) -> int: ...
    def update(
        self, layer: tuple[Table, Table, str], ids: Ids | None, num_threads: int
    ) -> None: ...
    def top_k(
        self,
        layer: tuple[Table, Table, str],
        inputs: Array,
        k: int,
        num_reranked: int | None,
        excluded: tuple[Ids, Ids | None] | None,
        num_threads: int,
    ) -> tuple[NDArray[np.float32], Ids]: ...

class RowRule:
    @staticmethod
    def sgd(momentum: float, nesterov: bool, weight_decay: float) -> RowRule: ...
    @staticmethod
    def adagrad(
        initial_accumulator_value: float, epsilon: float, weight_decay: float
    ) -> RowRule: ...
    @staticmethod
    def rowwise_adagrad(
        initial_accumulator_value: float, epsilon: float, weight_decay: float
    ) -> RowRule: ...
    @staticmethod
    def adam(beta_1: float, beta_2: float, epsilon: float, weight_decay: float) -> RowRule: ...
    def state_tables(self) -> list[tuple[str, bool]]: ...

def address(array: Array) -> int: ...
def check_learning_rate(learning_rate: float) -> None: ...
def check_clip_norm(clip_norm: float) -> None: ...
def apply_row_updates(
    rule: RowRule,
    updates: Sequence[Update],
    learning_rate: float,
    clip_norm: float | None,
    rounding: tuple[int, int, int],
    num_threads: int,
    count: Callable[[], None],
) -> None: ...
def sampled_softmax_train_step(
    weights: Table,
    biases: Table,
    targets: Targets,
    inputs: Array,
    candidates: Candidates,
    remove_accidental_hits: bool,
    mask_repeats: bool,
    log_q_correction: str,
    partition_strategy: str,
    num_threads: int,
    grad_loss: Array | None,
    rule: RowRule,
    weights_state: list[list[Array]],
    biases_state: list[list[Array]],
    learning_rate: float,
    clip_norm: float | None,
    rounding: tuple[int, int, int],
    count: Callable[[], None],
    compute_dtype: str | None = None,
) -> tuple[Array, Array]: ...
def register_tensorflow_operations(library: str) -> None: ...
def graph_sampler(sampler: Sampler) -> tuple[int, int]: ...
def xla_functions() -> dict[str, Any]: ...
