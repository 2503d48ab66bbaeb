"""A training, epoch by epoch."""

from __future__ import annotations

from collections.abc import Sequence

from netsculpt.training.dynamic.record import Record
from netsculpt.training.fitting.metrics import Epoch
from netsculpt.training.history.graphs import recorded_layers
from netsculpt.training.history.result import History, Point

__all__ = ["training_history"]


def training_history(epochs: Sequence[Epoch], record: Record | None = None) -> History:
    """The course of a training, with its layers if the masks moved.

    Parameters
    ----------
    epochs
        Those of `netsculpt.training.fit`: ``fitted.history``.
    record
        The masks of the same training, if it was a sparse one; it says which net it is of.

    Raises
    ------
    FormatError
        If the record does not say which net it is of.

    Examples
    --------
    >>> from netsculpt.nets import MLP, initial_net
    >>> from netsculpt.training import Recipe, fit, task
    >>> net = initial_net(MLP((4, 8, 4)), rng=0)
    >>> fitted = fit(net, task("input-separable"), Recipe(epochs=3), rng=0)
    >>> training_history(fitted.history)
    History(epoch 1 … 3: density 100.00% → 100.00%)
    """
    updates = [0, *(epoch.updates for epoch in epochs)]
    points = tuple(
        Point(
            epoch.epoch,
            "",
            False,
            epoch.updates > before,
            epoch.density,
            epoch.loss,
            epoch.training_accuracy,
            epoch.validation_loss,
            epoch.accuracy,
        )
        for epoch, before in zip(epochs, updates, strict=False)
    )
    if record is None:
        return History("epoch", points)
    return History("epoch", points, *recorded_layers(record, enumerate(updates)))
