"""Logistic regression at its exact optimum: a transfer without a learning rate to tune."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_softmax, softmax

from netsculpt.core.errors import FormatError, LimitError
from netsculpt.core.numbers import checked_number
from netsculpt.training.tasks import Bits, Classes, Goal

__all__ = ["GRADIENT", "Floats", "Logistic", "Targets", "logistic", "mean_loss"]

Floats = NDArray[np.float64]
Targets = NDArray[np.int64] | NDArray[np.float32]
Loss = Callable[[Floats, Targets], tuple[float, Floats]]

GRADIENT = 1e-7  # largest entry of the gradient at what counts as the optimum
_WANTED = 1e-9  # asked of the search, which rounding may stop before
_MOST_STEPS = 20_000
_MEMORY = 30  # pairs of vectors that L-BFGS keeps


@dataclass(frozen=True, eq=False)
class Logistic:
    """Weights of a regression at its optimum."""

    weight: Floats  # [n_outputs, d]
    bias: Floats  # [n_outputs]; adds to 0 over the classes of a classification
    objective: float  # mean loss + penalty
    gradient: float  # largest entry of its gradient

    def logits(self, features: Floats) -> Floats:
        """Logits [n, n_outputs] of features [n, d]."""
        product: Floats = features @ self.weight.T + self.bias
        return product


def logistic(
    features: Floats,
    targets: Targets,
    goal: Goal,
    l2: float,
    *,
    start: Logistic | None = None,
) -> Logistic:
    r"""Minimise the mean loss of a linear layer plus a penalty of its weights, exactly.

    .. math:: \ell(F W^\top + b, y) + \frac{\lambda}{2} \lVert W \rVert^2

    with the loss of the goal: cross-entropy averaged over samples and answers. The biases are not
    penalised. With :math:`\lambda > 0` the optimum is finite and unique also where classes can be
    separated. For one classification it is that of scikit-learn's LogisticRegression with C =
    1 / (n λ). L-BFGS in float64, until no entry of the gradient exceeds 1e-7 (1e-9 is asked for).

    Parameters
    ----------
    features
        float64 [n, d].
    targets
        [n, k], as the goal has them.
    goal
        `Classes`, or `Bits`, which are classes of their own.
    l2
        λ, above 0.
    start
        Where the search begins, such as the optimum of another λ; does not matter for the result.

    Raises
    ------
    LimitError
        If the gradient does not become small enough.

    Notes
    -----
    O(n d n_outputs) a step. Liu and Nocedal, Math. Program. 45, 503 (1989),
    doi:10.1007/BF01589116.

    Examples
    --------
    >>> features, targets = np.array([[-1.0], [1.0]]), np.array([[0], [1]])
    >>> found = logistic(features, targets, Classes((2,)), 0.1)
    >>> w = float(found.weight[1, 0])  # where the gradient, 1 − sigmoid(2 w) − λ w, is 0
    >>> bool(abs(1 - 1 / (1 + np.exp(-2 * w)) - 0.1 * w) < 1e-7)
    True
    """
    from scipy.optimize import minimize

    checked_number(l2, "l2", above=0)
    if not np.isfinite(features).all():
        raise FormatError("features are not all finite: look for infinite weights or inputs")
    loss = mean_loss(goal)
    d = features.shape[1]
    n_outputs = goal.n_outputs

    def objective(flat: Floats) -> tuple[float, Floats]:
        weight, bias = flat[: n_outputs * d].reshape(n_outputs, d), flat[n_outputs * d :]
        value, slope = loss(features @ weight.T + bias, targets)
        by_weight = slope.T @ features + l2 * weight
        gradient = np.concatenate([by_weight.ravel(), slope.sum(axis=0)])
        return value + l2 / 2 * float((weight**2).sum()), gradient

    if start is None:
        flat = np.zeros(n_outputs * (d + 1))
    else:
        flat = np.concatenate([start.weight.ravel(), start.bias])
    options: Any = {"maxiter": _MOST_STEPS, "maxfun": 2 * _MOST_STEPS, "maxcor": _MEMORY}
    options |= {"gtol": _WANTED, "ftol": 0.0, "maxls": 50}
    found = minimize(objective, flat, jac=True, method="L-BFGS-B", options=options)
    value, gradient = objective(found.x)
    steepest = float(np.abs(gradient).max())
    if not steepest <= GRADIENT:
        raise LimitError(
            f"the gradient of the regression with l2 {l2:g} is {steepest:.2g} after "
            f"{found.nit} steps, {GRADIENT:g} is needed: standardise the features, or give a "
            "larger l2"
        )
    weight = found.x[: n_outputs * d].reshape(n_outputs, d)
    return Logistic(weight, found.x[n_outputs * d :], value, steepest)


def mean_loss(goal: Goal) -> Loss:
    """The loss of a goal, and its gradient by the logits [n, n_outputs], in float64."""
    if isinstance(goal, Bits):
        return _of_bits
    if isinstance(goal, Classes):
        return partial(_of_classes, goal.sizes)
    raise FormatError(f"the goal is {goal}: a regression learns bits or classes")


def _of_bits(logits: Floats, targets: Targets) -> tuple[float, Floats]:
    signs = 1 - 2 * targets.astype(np.float64)  # −1 where the bit is 1
    losses = np.logaddexp(0, signs * logits)
    return float(losses.mean()), signs * expit(signs * logits) / losses.size


def _of_classes(sizes: tuple[int, ...], logits: Floats, targets: Targets) -> tuple[float, Floats]:
    rows, share = np.arange(len(logits)), 1 / (len(logits) * len(sizes))
    value, slope, first = 0.0, np.empty_like(logits), 0
    for size, column in zip(sizes, targets.T, strict=True):
        own = slice(first, first + size)
        value -= share * float(log_softmax(logits[:, own], axis=1)[rows, column].sum())
        slope[:, own] = softmax(logits[:, own], axis=1)
        slope[rows, first + column] -= 1
        first += size
    return value, share * slope
