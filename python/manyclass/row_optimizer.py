"""What the optimizers that update touched rows have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias, TypeVar

import numpy as np

from manyclass import _core
from manyclass._arrays import Array, ArrayLike, as_array
from manyclass._optimizer_state import (
    State,
    VariableStates,
    check_keys,
    checked_seed,
    checked_table,
    named_arrays,
)
from manyclass._scalars import as_flag, as_integer, as_real
from manyclass._seeds import SeedLike, resolve_seed
from manyclass._update_parts import Part, Slices, Variable, check_all_different, parts_of
from manyclass.indexed_slices import IndexedSlices
from manyclass.threads import thread_argument

LearningRate: TypeAlias = float | Callable[[int], float]
# The tables of a rule's state, for each array that a step updates.
StateArrays: TypeAlias = list[list[Array]]
# Two seeds and a block of their stream.
StreamPlace: TypeAlias = tuple[int, int, int]
_Result = TypeVar("_Result")


class RowOptimizer(ABC):
    """What all optimizers share: they touch only the rows that a gradient names.

    A row without a gradient does not move, whatever the rule: momentum, moments and weight decay
    wait until the row is touched again ("lazy", as TensorFlow's sparse updates).

    State belongs to the memory of a variable: the same array, or another view of the same
    elements, has the same state. It is float64 for float64 variables, float32 for others. Results
    have the same bits at every number of threads.

    A bfloat16 variable (``ml_dtypes.bfloat16``) is read as float32, updated, and rounded
    stochastically: to one of the two neighbours, the nearer the likelier, so that the mean of the
    result is the float32 one and changes far below a bfloat16's last place add up. ``seed`` and
    `iterations` alone determine the random bits of a step; each of its arrays, each shard too, has
    its own.

    Without `clip_norm`, values are not looked at: a gradient that is not finite spoils its element
    and the element's state (the whole row's, with `RowwiseAdagrad`), and one whose square
    overflows spoils the state of `Adagrad`, `RowwiseAdagrad` and `Adam`.

    Attributes
    ----------
    learning_rate : float or callable
        May be changed between steps.
    clip_norm : float or None
        May be changed between steps.
    iterations : int
        Steps taken: what a schedule is called with, and what rounding depends on. May be set.
    """

    def __init__(
        self, learning_rate: LearningRate, clip_norm: float | None, seed: SeedLike
    ) -> None:
        self.learning_rate = learning_rate
        self.clip_norm = clip_norm
        self.iterations = 0
        self._seed = _two_words(resolve_seed(seed))
        self._states = VariableStates()
        self._rule()  # refuses what is out of range

    @property
    def learning_rate(self) -> LearningRate:
        """The learning rate, or the schedule that gives it."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: LearningRate) -> None:
        if not callable(value):
            value = as_real(value, "learning_rate")
            _core.check_learning_rate(value)
        self._learning_rate: LearningRate = value

    @property
    def clip_norm(self) -> float | None:
        """The largest norm that a step's gradients keep, or None."""
        return self._clip_norm

    @clip_norm.setter
    def clip_norm(self, value: float | None) -> None:
        if value is not None:
            value = as_real(value, "clip_norm")
            _core.check_clip_norm(value)
        self._clip_norm = value

    def apply(self, variable: Variable, slices: Slices, *, num_threads: int | None = None) -> None:
        """Update the touched rows of one variable: a `step` of one pair.

        Parameters
        ----------
        variable : array of float32, float64 or bfloat16, shape [num_classes, dim] or [num_classes]
            Changed in place. Or a list of shards.
        slices : IndexedSlices
            The gradient, of the dtype of variable, or float32 for bfloat16; a list of one for
            each shard.
        num_threads : int, optional
            `get_num_threads` if None.

        Raises
        ------
        ValueError
            If ``variable`` is read-only, shapes do not fit, indices are out of range, repeated or
            not ascending, a schedule gives a rate that is negative or not finite, or `clip_norm`
            is set and the norm is not finite. Nothing is written then.
        TypeError
            If dtypes differ.
        """
        self._take_step(parts_of(variable, slices, ""), thread_argument(num_threads))

    def step(
        self, pairs: Iterable[tuple[Variable, Slices]], *, num_threads: int | None = None
    ) -> None:
        """Update the touched rows of several variables, in parallel, as one step.

        One step of the schedule, and one norm of all gradients for `clip_norm`.

        Parameters
        ----------
        pairs : iterable of (variable, slices)
            Each as for `apply`.
        num_threads : int, optional
            `get_num_threads` if None.

        Raises
        ------
        ValueError, TypeError
            As `apply`; also if an array stands there twice. Nothing is written then, to none of
            the variables.
        """
        parts: list[Part] = []
        if isinstance(pairs, np.ndarray) or not isinstance(pairs, Iterable):
            raise TypeError(f"pairs is a {type(pairs).__name__}; it must be an iterable of pairs")
        for place, pair in enumerate(pairs):
            if isinstance(pair, IndexedSlices) or not isinstance(pair, list | tuple):
                raise TypeError(
                    f"pairs[{place}] is a {type(pair).__name__}; it must be (variable, slices)"
                )
            if len(pair) != 2:
                raise ValueError(
                    f"pairs[{place}] has {len(pair)} items; it must be (variable, slices)"
                )
            parts += parts_of(*pair, f"pairs[{place}]: ")
        self._take_step(parts, thread_argument(num_threads))

    def state(self, variable: ArrayLike) -> State:
        """Return the state of one array (of one shard) by name: the arrays themselves.

        They are what `apply` updates, zeros if the variable was never updated. Empty for a rule
        that keeps none.
        """
        table = as_array(variable, "variable")
        state = self._states.of(table, self._rule().state_tables())
        self._states.keep(table, state)
        return state

    def state_dict(
        self, variables: Mapping[str, Variable] | Sequence[Variable]
    ) -> dict[str, Array | int | tuple[int, int]]:
        """Return the number of steps, the seed and the state of variables, for a checkpoint.

        Parameters
        ----------
        variables : dict of name to variable, or list of variables
            Those of a list are named "0", "1" and so on.

        Returns
        -------
        dict
            "iterations", an int; "seed", two of them; for each table of each variable
            "name.table", as in "weights.sum_of_squares", or, for a shard, "name.shard.table".
            They are the arrays themselves, not copies: later steps change them.
        """
        result: dict[str, Array | int | tuple[int, int]] = {
            "iterations": self.iterations,
            "seed": self._seed,
        }
        for name, array in named_arrays(variables):
            for table, values in self.state(array).items():
                result[f"{name}.{table}"] = values
        return result

    def load_state_dict(
        self,
        state: Mapping[str, ArrayLike],
        variables: Mapping[str, Variable] | Sequence[Variable],
        *,
        copy: bool = True,
    ) -> None:
        """Take over the number of steps, seed and state of variables, as `state_dict` gave them.

        Hyperparameters are not among them: they stay those of this optimizer.

        Parameters
        ----------
        state : dict
            What `state_dict` returned for variables of the same names, shapes and dtypes. Without
            a "seed" this optimizer keeps its own.
        variables : dict of name to variable, or list of variables
            The arrays that the state is now for; they are not read.
        copy : bool, default True
            False: the arrays of ``state`` become this optimizer's own and are updated in place;
            they may be memory maps.

        Raises
        ------
        ValueError, TypeError
            If an entry is missing, too much, or of another shape or dtype. Nothing is taken over
            then.
        """
        tables = self._rule().state_tables()
        arrays = list(named_arrays(variables))
        names = [f"{name}.{table}" for name, _ in arrays for table, _ in tables]
        check_keys(state, {"iterations", *names}, {"seed"})
        iterations = as_integer(state["iterations"], "state['iterations']")
        if iterations < 0:
            raise ValueError(f"state['iterations'] is {iterations}; it must not be negative")
        seed = checked_seed(state["seed"]) if "seed" in state else self._seed
        copied = as_flag(copy, "copy")
        taken = []
        for name, array in arrays:
            keys = [(table, f"{name}.{table}", one_a_row) for table, one_a_row in tables]
            new = {t: checked_table(state[k], k, array, one, copied) for t, k, one in keys}
            taken.append((array, new))
        for array, new in taken:
            self._states.keep(array, new)
        self.iterations, self._seed = iterations, seed

    def hyperparameters(self) -> dict[str, Any]:
        """Return the constructor's arguments, but for ``seed``, that make such an optimizer."""
        return {
            name.removeprefix("_"): value
            for name, value in self.__dict__.items()
            if name not in ("iterations", "_seed", "_states")
        }

    def __repr__(self) -> str:
        arguments = (f"{name}={value!r}" for name, value in self.hyperparameters().items())
        return f"{type(self).__name__}({', '.join(arguments)})"

    @abstractmethod
    def _rule(self) -> _core.RowRule:
        """Return the rule of the parameters as they are now; refuse what is out of range."""

    def _take_step(self, parts: list[Part], num_threads: int) -> None:
        check_all_different(parts)

        def apply(
            rule: _core.RowRule,
            states: StateArrays,
            learning_rate: float,
            clip_norm: float | None,
            rounding: StreamPlace,
            count: Callable[[], None],
        ) -> None:
            updates = [
                (variable, state, indices, values, place)
                for (variable, indices, values, place), state in zip(parts, states, strict=True)
            ]
            _core.apply_row_updates(
                rule, updates, learning_rate, clip_norm, rounding, num_threads, count
            )

        self._step_with([part[0] for part in parts], apply)

    def _step_with(
        self,
        variables: list[Array],
        apply: Callable[
            [_core.RowRule, StateArrays, float, float | None, StreamPlace, Callable[[], None]],
            _Result,
        ],
    ) -> _Result:
        """Have ``apply`` take a step on variables.

        It is called with the rule, its states, the learning rate, clip_norm, the place of the
        random words for rounding, and ``count``.

        The core calls ``count`` with the last row written. Python runs no signal handler from there
        to the end of ``count``, which is no Python code: Ctrl-C finds whole steps.
        """
        rule = self._rule()
        iterations = as_integer(self.iterations, "iterations")
        states, kept = self._states.for_step(variables, rule.state_tables())
        arrays: StateArrays = [list(state.values()) for state in states]
        rate = self._rate_now()
        after = {"iterations": iterations + 1, "_states": kept}
        rounding = (*self._seed, iterations % 2**64)
        count = partial(self.__dict__.update, after)
        return apply(rule, arrays, rate, self._clip_norm, rounding, count)

    def _rate_now(self) -> float:
        rate = self._learning_rate
        if not callable(rate):
            return rate
        return as_real(rate(self.iterations), f"learning_rate({self.iterations})")

    def __getstate__(self) -> dict[str, Any]:
        if self._states:
            raise TypeError(
                f"this {type(self).__name__} has state, which belongs to the memory of its "
                "variables: it cannot be copied or pickled; use state_dict and load_state_dict"
            )
        return self._attributes()

    def _attributes(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_states"}

    def _without_state(self) -> RowOptimizer:
        """Return an optimizer that has taken as many steps and keeps no state."""
        other = type(self).__new__(type(self))
        other.__setstate__(self._attributes())
        return other

    def __setstate__(self, attributes: dict[str, Any]) -> None:
        self.__dict__.update(attributes)
        self._states = VariableStates()


def _two_words(seeds: tuple[int, int]) -> tuple[int, int]:
    """Return seeds of 63 bits: NumPy saves them as they are."""
    return seeds[0] % 2**63, seeds[1] % 2**63
