"""The rules by which optimizers move the rows that a gradient names.

In the formulas ``w`` is a touched row and ``g`` its gradient, times what `clip_norm` leaves of it;
all is element for element. State starts at zero.
"""

from __future__ import annotations

from manyclass import _core
from manyclass._arrays import Array, ArrayLike, as_array
from manyclass._scalars import as_flag, as_real
from manyclass._seeds import SeedLike
from manyclass.row_optimizer import LearningRate, RowOptimizer


class SGD(RowOptimizer):
    """Stochastic gradient descent, with momentum if asked for.

    ``d = g + weight_decay * w``; ``w -= learning_rate * d``. With momentum
    ``b = momentum * b + d``; ``w -= learning_rate * b``, or, with Nesterov's,
    ``w -= learning_rate * (d + momentum * b)``. As `RowOptimizer` says, only touched rows move.

    Parameters
    ----------
    learning_rate : float or callable
        Not negative. Or a schedule: called with the number of steps taken, 0 first, for the rate of
        the next.
    momentum : float, default 0.0
        In [0, 1). Above zero, a state "momentum" of the variable's shape is kept.
    nesterov : bool, default False
        Needs momentum.
    weight_decay : float, default 0.0
        Not negative; an L2 penalty on touched rows: ``weight_decay * w`` is added to a gradient.
    clip_norm : float, optional
        The largest Euclidean norm of the gradients of one step, all variables together, as
        ``tf.clip_by_global_norm`` and ``torch.nn.utils.clip_grad_norm_``: above it they are
        multiplied by ``clip_norm / norm``, before weight decay. A norm that is not finite is
        refused.
    seed : int, pair of int, numpy.random.Generator or None, default 0
        Of the random bits that bfloat16 variables are rounded by; None takes fresh entropy. Nothing
        else is random.

    References
    ----------
    ``torch.optim.SGD``; TensorFlow's ``ResourceSparseApplyMomentum``.
    """

    def __init__(
        self,
        learning_rate: LearningRate,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        seed: SeedLike = 0,
    ) -> None:
        self.momentum = as_real(momentum, "momentum")
        self.nesterov = as_flag(nesterov, "nesterov")
        self.weight_decay = as_real(weight_decay, "weight_decay")
        super().__init__(learning_rate, clip_norm, seed)

    def _rule(self) -> _core.RowRule:
        return _core.RowRule.sgd(self.momentum, self.nesterov, self.weight_decay)


class Adagrad(RowOptimizer):
    """Adagrad: each element has a rate of its own, which falls as its squared gradients add up.

    ``d = g + weight_decay * w``; ``a += d**2``;
    ``w -= learning_rate * d / (sqrt(initial_accumulator_value + a) + epsilon)``. As `RowOptimizer`
    says, only touched rows move. ``a`` is the state "sum_of_squares", of the variable's shape;
    rows of it never touched take no memory where the system gives pages out as they are written.

    Parameters
    ----------
    learning_rate : float or callable
        As `SGD`'s.
    initial_accumulator_value : float, default 0.1
        Not negative.
    epsilon : float, default 1e-7
        Not negative, and not 0 if ``initial_accumulator_value`` is.
    weight_decay, clip_norm, seed
        As `SGD`'s.

    References
    ----------
    Duchi, Hazan and Singer 2011, "Adaptive Subgradient Methods for Online Learning and
    Stochastic Optimization"; TensorFlow's ``ResourceSparseApplyAdagradV2``; with
    ``initial_accumulator_value=0`` and ``epsilon=1e-10``, ``torch.optim.Adagrad``.
    """

    def __init__(
        self,
        learning_rate: LearningRate,
        *,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        seed: SeedLike = 0,
    ) -> None:
        self.initial_accumulator_value = as_real(
            initial_accumulator_value, "initial_accumulator_value"
        )
        self.epsilon = as_real(epsilon, "epsilon")
        self.weight_decay = as_real(weight_decay, "weight_decay")
        super().__init__(learning_rate, clip_norm, seed)

    def accumulator(self, variable: ArrayLike) -> Array:
        """Return a copy of the accumulators of one array (of one shard), initial value included."""
        table = as_array(variable, "variable")
        (total,) = self._states.of(table, self._rule().state_tables()).values()
        result: Array = total + total.dtype.type(self.initial_accumulator_value)
        return result

    def _rule(self) -> _core.RowRule:
        return _core.RowRule.adagrad(
            self.initial_accumulator_value, self.epsilon, self.weight_decay
        )


class RowwiseAdagrad(Adagrad):
    """Adagrad with one accumulator a row: 4 bytes of state a row instead of 4 an element.

    ``d = g + weight_decay * w``; ``a += mean(d**2)`` over the row;
    ``w -= learning_rate * d / (sqrt(initial_accumulator_value + a) + epsilon)``. As `RowOptimizer`
    says, only touched rows move. ``a`` is the state "sum_of_mean_squares", of shape
    [num_classes]. Parameters are those of `Adagrad`.

    References
    ----------
    ``RWSAdagrad`` of DLRM (Naumov et al. 2019, "Deep Learning Recommendation Model for
    Personalization and Recommendation Systems"); ``EXACT_ROWWISE_ADAGRAD`` of FBGEMM, with its
    weight decay of L2 kind.
    """

    def _rule(self) -> _core.RowRule:
        return _core.RowRule.rowwise_adagrad(
            self.initial_accumulator_value, self.epsilon, self.weight_decay
        )


class Adam(RowOptimizer):
    """Adam, lazy: moments of a row decay, and its steps count, only when it is touched.

    ``t += 1``; ``m = betas[0] * m + (1 - betas[0]) * g``;
    ``v = betas[1] * v + (1 - betas[1]) * g**2``; ``w -= learning_rate * weight_decay * w``;
    ``w -= learning_rate * (m / (1 - betas[0]**t)) / (sqrt(v / (1 - betas[1]**t)) + epsilon)``.

    The state is "first_moment" (m) and "second_moment" (v), of the variable's shape, and "step"
    (t), of shape [num_classes]: each row corrects its moments' bias by the number of its own
    steps, so that a row touched for the first time late in training makes no larger step than one
    touched early. (``torch.optim.SparseAdam`` counts the optimizer's steps for every row.) Where
    every row is touched in every step, this is ``torch.optim.AdamW``. Counts in float32 stay at
    2**24, when betas up to 0.999999 leave nothing to correct.

    Parameters
    ----------
    learning_rate : float or callable
        As `SGD`'s.
    betas : pair of float, default (0.9, 0.999)
        Each in [0, 1).
    epsilon : float, default 1e-8
        Above zero.
    weight_decay : float, default 0.0
        Not negative; decoupled: it shrinks touched rows and goes past the moments.
    clip_norm, seed
        As `SGD`'s.

    References
    ----------
    Kingma and Ba 2015, "Adam: A Method for Stochastic Optimization"; Loshchilov and Hutter 2019,
    "Decoupled Weight Decay Regularization".
    """

    def __init__(
        self,
        learning_rate: LearningRate,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        seed: SeedLike = 0,
    ) -> None:
        if not isinstance(betas, list | tuple) or len(betas) != 2:
            raise TypeError(f"betas is {betas!r}; it must be a pair of real numbers")
        self.betas = (as_real(betas[0], "betas[0]"), as_real(betas[1], "betas[1]"))
        self.epsilon = as_real(epsilon, "epsilon")
        self.weight_decay = as_real(weight_decay, "weight_decay")
        super().__init__(learning_rate, clip_norm, seed)

    def _rule(self) -> _core.RowRule:
        return _core.RowRule.adam(*self.betas, self.epsilon, self.weight_decay)
