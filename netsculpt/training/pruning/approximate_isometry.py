"""Sparse layers that keep lengths, as nearly as their masks allow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_number, checked_whole, is_number
from netsculpt.nets.copies import copy_of
from netsculpt.nets.masking import LayerParameter
from netsculpt.nets.masks import mask_net
from netsculpt.nets.prunable import layer_weights

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ApproximateIsometry", "approximate_isometry"]

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ApproximateIsometry:
    """A net whose layers are nearly isometries, and how nearly."""

    net: nn.Module  # a copy, with its masks
    names: tuple[str, ...] = ()  # [layers] of the weights
    before: tuple[Values, ...] = ()  # [layers] singular values of the layer, largest first
    after: tuple[Values, ...] = ()
    distance_before: tuple[float, ...] = ()  # [layers] ‖M Mᵀ − gain² I‖ in the Frobenius norm
    distance_after: tuple[float, ...] = ()
    steps: tuple[int, ...] = ()
    converged: tuple[bool, ...] = ()  # False: more steps would bring it nearer

    def table(self) -> pd.DataFrame:
        """One row per layer."""
        import pandas as pd

        return pd.DataFrame(
            {
                "parameter": self.names,
                "mean_before": [layer.mean() for layer in self.before],
                "sd_before": [layer.std() for layer in self.before],
                "mean_after": [layer.mean() for layer in self.after],
                "sd_after": [layer.std() for layer in self.after],
                "distance_before": self.distance_before,
                "distance_after": self.distance_after,
                "steps": self.steps,
                "converged": self.converged,
            }
        )

    def summary(self) -> dict[str, Any]:
        """Plain numbers about the singular values of all layers, JSON-able."""
        before, after = np.concatenate(self.before), np.concatenate(self.after)
        return {
            "mean_before": float(before.mean()),
            "sd_before": float(before.std()),
            "mean_after": float(after.mean()),
            "sd_after": float(after.std()),
            "distance_before": float(np.linalg.norm(self.distance_before)),
            "distance_after": float(np.linalg.norm(self.distance_after)),
            "steps": sum(self.steps),
            "converged": all(self.converged),
        }


def approximate_isometry(
    net: nn.Module,
    masks: Mapping[str, Tensor] | None = None,
    *,
    gain: float = 1.0,
    steps: int = 1000,
    tolerance: float = 1e-5,
    progress: Callable[[int, int], None] | None = None,
) -> ApproximateIsometry:
    r"""Move the kept weights of every layer until it is nearly an isometry.

    Pruning makes the singular values of a layer small and unequal, so that signals and gradients
    die out over many layers. With M the kept weights of a layer, as a matrix [out, in · taps] or
    its transpose, whichever has fewer rows, Lee et al. minimise

    .. math:: \min_M \| M M^T - g^2 I \|_F

    for a gain g of 1. No data are needed. Weights enter with their signs; biases and norms stay as
    they are.

    Parameters
    ----------
    net
        Any net; left as it is.
    masks
        As in `mask_net`; by default those of the net. They do not change.
    gain
        The singular values to reach: √2 makes up for the half that ReLUs cut off.
    steps
        At most this many in each layer.
    tolerance
        A layer is done when its gradient, √(mean square), is below `tolerance` · gain³.
    progress
        Called with (layers done, all layers).

    Returns
    -------
    ApproximateIsometry
        A copy of the net with the new weights, and singular values before and after.

    Raises
    ------
    FormatError
        If a weight is not finite, `gain` is not above 0 or `steps` is below 1.

    Notes
    -----
    Conjugate gradients from the present weights. Along a line the objective is a polynomial of
    degree 4, and each step goes to its lowest point: no learning rate is needed, nothing is random,
    and no step makes it worse. Float64. O(steps · out · in · min(out, in)) per layer; the groups of
    a convolution are separate matrices. Minima of sparse layers are local; units whose kept weights
    are all 0 stay so.

    Few sparse matrices are isometries, and those that are consist of few weights: at densities of
    0.02 … 0.2 many kept weights, often most, end near 0. With ReLUs this may cut the net.

    Source: Lee, Ajanthan, Gould and Torr, "A signal propagation perspective for pruning neural
    networks at initialization", arXiv:1906.06307, section 5; they use 10,000 steps of gradient
    descent.

    Examples
    --------
    >>> _ = torch.manual_seed(0)
    >>> isometry = approximate_isometry(nn.Linear(6, 4))
    >>> isometry.after[0].round(3).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    checked_whole(steps, "steps")
    checked_number(tolerance, "tolerance", least=0)
    if not is_number(gain) or gain <= 0 or steps < 1:
        raise FormatError(
            f"gain is {gain} and steps {steps}: a gain above 0 and 1 or more steps are needed"
        )
    clone = copy_of(net)
    if masks is not None:
        mask_net(clone, masks)
    weights = layer_weights(clone)
    layers = []
    for done, weight in enumerate(weights, start=1):
        layers.append((weight.name, *_make_isometric(weight, gain, steps, tolerance)))
        if progress is not None:
            progress(done, len(weights))
    return ApproximateIsometry(clone, *zip(*layers, strict=True))


@torch.no_grad()
def _make_isometric(
    weight: LayerParameter, gain: float, steps: int, tolerance: float
) -> tuple[Values, Values, float, float, int, bool]:
    """Change the kept weights of one layer in place; return its fields of the result."""
    stored = _by_group(weight.parameter.data, weight)
    if not bool(torch.isfinite(stored).all()):
        raise FormatError(
            f"weights of {weight.name!r} are not finite: give a net whose weights are"
        )
    kept = torch.ones_like(stored) if weight.mask is None else _by_group(weight.mask, weight)
    turned = stored[0].flatten(1).shape[0] > stored[0].flatten(1).shape[1]
    before, free = (_matrices(x.double(), turned) for x in (stored, kept))
    after, n_steps, converged = _descended(before, free, gain, steps, tolerance)
    stored.copy_((after.mT if turned else after).reshape(stored.shape))
    written = _matrices(stored.double(), turned)  # rounded to what the net stores
    return (
        _singular_values(before),
        _singular_values(written),
        _distance(before, gain),
        _distance(written, gain),
        n_steps,
        converged,
    )


def _by_group(values: Tensor, weight: LayerParameter) -> Tensor:
    """A view [groups, out, in, …] of a weight."""
    split = values.view(weight.n_groups, -1, *values.shape[1:])
    return split.transpose(1, 2) if weight.is_transposed else split


def _matrices(grouped: Tensor, turned: bool) -> Tensor:
    """Matrices [groups, rows, columns] of a layer, rows ≤ columns."""
    flat = grouped.flatten(2)
    return flat.mT if turned else flat


def _distance(matrix: Tensor, gain: float) -> float:
    return float(torch.linalg.vector_norm(_residual(matrix, gain)))


def _residual(matrix: Tensor, gain: float) -> Tensor:
    identity = torch.eye(matrix.shape[1], dtype=matrix.dtype, device=matrix.device)
    return matrix @ matrix.mT - gain**2 * identity


def _slope(residual: Tensor, matrix: Tensor, free: Tensor) -> Tensor:
    """Gradient of the squared norm with respect to the kept weights."""
    return 4 * (residual @ matrix) * free


def _descended(
    matrix: Tensor, free: Tensor, gain: float, steps: int, tolerance: float
) -> tuple[Tensor, int, bool]:
    """Conjugate gradients (Polak and Ribière) with exact line search: matrix, steps, converged."""
    enough = tolerance * gain**3 * matrix.numel() ** 0.5
    residual = _residual(matrix, gain)
    slope = _slope(residual, matrix, free)
    direction = -slope
    for step in range(steps):
        if float(torch.linalg.vector_norm(slope)) <= enough:
            return matrix, step, True
        if float((slope * direction).sum()) >= 0:
            direction = -slope
        half = matrix @ direction.mT
        linear, quadratic = half + half.mT, direction @ direction.mT
        length = _lowest(residual, linear, quadratic)
        matrix = matrix + length * direction
        residual = residual + length * linear + length**2 * quadratic
        new = _slope(residual, matrix, free)
        beta = float((new * (new - slope)).sum() / (slope * slope).sum())
        direction = max(beta, 0.0) * direction - new
        slope = new
    return matrix, steps, float(torch.linalg.vector_norm(slope)) <= enough


def _lowest(residual: Tensor, linear: Tensor, quadratic: Tensor) -> float:
    """The t that minimises the norm of residual + t · linear + t² · quadratic."""
    parts = torch.stack([residual, linear, quadratic]).flatten(1)
    aa, ab, ac, bb, bc, cc = (parts @ parts.T)[*torch.triu_indices(3, 3)].tolist()
    coefficients = np.array([cc, 2 * bc, bb + 2 * ac, 2 * ab, aa])
    roots = np.roots(np.polyder(coefficients))
    real = roots.real[np.abs(roots.imag) <= 1e-9 * np.abs(roots)]
    return float(min(real, key=lambda t: np.polyval(coefficients, t)))


def _singular_values(matrix: Tensor) -> Values:
    values = torch.linalg.svdvals(matrix).cpu().numpy()
    return np.sort(np.asarray(values, dtype=np.float64), axis=None)[::-1]
