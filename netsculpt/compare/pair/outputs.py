"""How far the outputs of a sparse net are from those of its dense twin."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsculpt.compare.pair.checks import checked_labels, checked_logits
from netsculpt.compare.pair.correlation import rank_correlation
from netsculpt.core.plain import plain

__all__ = ["OutputDistances", "output_distances"]

_BINS = 15


@dataclass(frozen=True)
class OutputDistances:
    """Divergences, calibration and margins of the softmax outputs of S and D."""

    kl: float  # mean KL(D‖S) in nats, 0 = equal
    js: float  # mean Jensen-Shannon divergence in nats, 0 … ln 2
    ece_sparse: float  # expected calibration error, 0 … 1
    ece_dense: float
    margin_correlation: float  # Spearman's ρ of the margins of the true class; NaN: all are equal

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able; what is undefined is None."""
        summary: dict[str, Any] = plain(asdict(self))
        return summary


def output_distances(sparse: ArrayLike, dense: ArrayLike, labels: ArrayLike) -> OutputDistances:
    r"""Compare the softmax outputs of a sparse net and its dense twin.

    The calibration error is :math:`\sum_b \frac{n_b}{n} |acc_b - conf_b|` over 15 bins of equal
    width of the largest probability. The margin of a sample is the logit of its class minus the
    largest other one.

    Parameters
    ----------
    sparse, dense
        Logits [n, classes] on the same samples.
    labels
        Their classes [n].

    Notes
    -----
    Calibration: Guo et al., arXiv:1706.04599, equation 3. It depends on the scale of the logits,
    as KL and JS do.

    Examples
    --------
    >>> logits = [[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]]
    >>> distances = output_distances(logits, logits, [0, 1, 1])
    >>> distances.kl, distances.js, distances.margin_correlation
    (0.0, 0.0, 1.0)
    """
    from scipy.special import log_softmax

    logits = checked_logits(sparse, dense)
    truth = checked_labels(labels, *logits[0].shape)
    log_s, log_d = (log_softmax(x, axis=1) for x in logits)
    log_mean = np.logaddexp(log_s, log_d) - math.log(2)
    js = (_kl(log_s, log_mean) + _kl(log_d, log_mean)) / 2
    error_s, error_d = (_calibration_error(np.exp(x), truth) for x in (log_s, log_d))
    correlation = rank_correlation(*(_margins(x, truth) for x in logits))
    kl = max(_kl(log_d, log_s), 0.0)  # rounding
    return OutputDistances(kl, max(js, 0.0), error_s, error_d, correlation)


def _kl(log_p: NDArray[np.float64], log_q: NDArray[np.float64]) -> float:
    """Mean over samples of KL(p‖q)."""
    return float((np.exp(log_p) * (log_p - log_q)).sum(axis=1).mean())


def _calibration_error(probabilities: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    bins = np.clip(np.ceil(confidence * _BINS).astype(np.int64) - 1, 0, _BINS - 1)
    gaps = np.bincount(bins, weights=right - confidence, minlength=_BINS)
    return float(np.abs(gaps).sum() / truth.size)


def _margins(logits: NDArray[np.float64], truth: NDArray[np.int64]) -> NDArray[np.float64]:
    rows, others = np.arange(truth.size), logits.copy()
    others[rows, truth] = -np.inf
    margins: NDArray[np.float64] = logits[rows, truth] - others.max(axis=1)
    return margins
